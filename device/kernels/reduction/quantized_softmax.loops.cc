// SPDX-License-Identifier: Apache-2.0
// 256 codes have 256 powers, and 256 results once their sum is known: tables take the place of arithmetic.
// The sum is that of the powers, lane by lane, as everywhere.
#include "device/kernels/reduction/quantized_softmax_loops.h"

#include "common/math/functions.h"
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/reduction/lanes.h"

#if defined(__AVX512VBMI__)
#include <immintrin.h>
#endif

namespace openhb::kernels {
namespace {

// Not std::max: that is code which other files share.
inline int8_t largest(const int8_t* x, int64_t n) {
  int8_t most = -128;
  for (int64_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

#if defined(__AVX512VBMI__)

// 256 bytes, in the order of the codes from -128 on.
struct Bytes {
  __m512i part[4];
  [[gnu::always_inline]] __m512i look_up(__m512i codes, __mmask64 negative) const {
    return _mm512_mask_blend_epi8(negative, _mm512_permutex2var_epi8(part[2], codes, part[3]),
                                  _mm512_permutex2var_epi8(part[0], codes, part[1]));
  }
};

// Four tables, one for each byte of the powers.
struct Powers {
  Bytes planes[4];
  explicit Powers(const float* powers) {
    alignas(64) char bytes[4][256];
    for (int i = 0; i < 256; i += 16) {
      const __m512i p = _mm512_loadu_si512(powers + i);
      for (int k = 0; k < 4; ++k)
        _mm_store_si128(reinterpret_cast<__m128i*>(bytes[k] + i),
                        _mm512_cvtepi32_epi8(_mm512_srl_epi32(p, _mm_cvtsi32_si128(8 * k))));
    }
    for (int k = 0; k < 4; ++k)
      for (int i = 0; i < 4; ++i) planes[k].part[i] = _mm512_load_si512(bytes[k] + 64 * i);
  }
};

// Sums the powers of the first n / 64 * 64 codes and returns how many these are.
inline int64_t add_powers(const int8_t* x, int64_t n, const float* powers, float* lanes) {
  const Powers tables(powers);
  // Zips work within 128 bits: bytes 4 j + i of lane l go where they leave 16 neighbours in each result.
  alignas(64) char order[64];
  for (int at = 0; at < 64; ++at) order[at] = static_cast<char>(at / 4 % 4 * 16 + at / 16 * 4 + at % 4);
  const __m512i shuffle = _mm512_load_si512(order);
  __m512 sum = _mm512_loadu_ps(lanes);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i codes = _mm512_permutexvar_epi8(shuffle, _mm512_loadu_si512(x + i));
    const __mmask64 negative = _mm512_movepi8_mask(codes);
    __m512i b[4];
    for (int k = 0; k < 4; ++k) b[k] = tables.planes[k].look_up(codes, negative);
    const __m512i low01 = _mm512_unpacklo_epi8(b[0], b[1]), high01 = _mm512_unpackhi_epi8(b[0], b[1]);
    const __m512i low23 = _mm512_unpacklo_epi8(b[2], b[3]), high23 = _mm512_unpackhi_epi8(b[2], b[3]);
    sum = _mm512_add_ps(sum, _mm512_castsi512_ps(_mm512_unpacklo_epi16(low01, low23)));
    sum = _mm512_add_ps(sum, _mm512_castsi512_ps(_mm512_unpackhi_epi16(low01, low23)));
    sum = _mm512_add_ps(sum, _mm512_castsi512_ps(_mm512_unpacklo_epi16(high01, high23)));
    sum = _mm512_add_ps(sum, _mm512_castsi512_ps(_mm512_unpackhi_epi16(high01, high23)));
  }
  _mm512_storeu_ps(lanes, sum);
  return i;
}

inline int64_t replace(const int8_t* x, int8_t* y, int64_t n, const int8_t* results) {
  Bytes table;
  for (int i = 0; i < 4; ++i) table.part[i] = _mm512_loadu_si512(results + 64 * i);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i codes = _mm512_loadu_si512(x + i);
    _mm512_storeu_si512(y + i, table.look_up(codes, _mm512_movepi8_mask(codes)));
  }
  return i;
}

#else

inline int64_t add_powers(const int8_t* x, int64_t n, const float* powers, float* lanes) {
  float sums[kReduceLanes];
  for (int64_t l = 0; l < kReduceLanes; ++l) sums[l] = lanes[l];
  int64_t i = 0;
  for (; i + kReduceLanes <= n; i += kReduceLanes)
    for (int64_t l = 0; l < kReduceLanes; ++l) sums[l] += powers[x[i + l] + 128];
  for (int64_t l = 0; l < kReduceLanes; ++l) lanes[l] = sums[l];
  return i;
}
inline int64_t replace(const int8_t*, int8_t*, int64_t, const int8_t*) { return 0; }

#endif

void row(const int8_t* x, int8_t* y, int64_t n, const float* values, float scale, int32_t zero_point) {
  const int64_t used = largest(x, n) + 129;  // entries of the tables up to the largest code
  const float top = values[used - 1];
  alignas(64) float powers[256];
  int8_t results[256] = {};
  OPENHB_INDEPENDENT
  for (int64_t k = 0; k < used; ++k) powers[k] = math::unary_f32<UnaryFunction::exp>(values[k] - top, 0, 0);
  for (int64_t k = used; k < 256; ++k) powers[k] = 0;
  float lanes[kReduceLanes] = {};
  for (int64_t i = add_powers(x, n, powers, lanes); i < n; ++i) lanes[i % kReduceLanes] += powers[x[i] + 128];
  fold_lanes<AddOp>(lanes, 1, 1);
  const float sum = lanes[0];
  OPENHB_INDEPENDENT
  for (int64_t k = 0; k < used; ++k) results[k] = quantize_code(powers[k] / sum / scale, zero_point);
  for (int64_t i = replace(x, y, n, results); i < n; ++i) y[i] = results[x[i] + 128];
}

}  // namespace

namespace OPENHB_ISA {
extern const QuantizedSoftmaxLoops kQuantizedSoftmaxLoops;
const QuantizedSoftmaxLoops kQuantizedSoftmaxLoops = {row};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
