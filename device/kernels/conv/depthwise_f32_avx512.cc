// SPDX-License-Identifier: Apache-2.0
// float32 Depthwise.
#include <immintrin.h>

#include "device/kernels/conv/span_loops.h"

namespace openhb::conv {
namespace {

struct Avx512 {
  using T = float;
  using Span = DepthwiseSpanF32;
  using Vector = __m512;
  static constexpr int kGroup = 1, kLanes = 16, kPixels = 4, kVectors = 4;

  static void gather16(const T* const* rows, int64_t i, char* to) {
    _mm512_storeu_ps(to, _mm512_loadu_ps(rows[0] + i));
  }

  static Vector load(const char* from) { return _mm512_loadu_ps(from); }
  static Vector start(const Span& s, int64_t lane) { return _mm512_loadu_ps(s.bias + lane); }
  static Vector dot(Vector acc, Vector x, Vector w) { return _mm512_fmadd_ps(x, w, acc); }
  static int64_t output_size(const Span&) { return 4; }

  template <int V>
  static void store(const Span& s, int64_t, char* y, int64_t valid, const Vector (&acc)[V]) {
    for (int v = 0; v < V; ++v, valid -= kLanes) {
      const auto mask = static_cast<__mmask16>(valid >= 16 ? 0xffff : valid > 0 ? (1 << valid) - 1 : 0);
      // min and max return their second operand when the first is NaN or equal, as v < lo ? lo : v does.
      _mm512_mask_storeu_ps(y + v * 64, mask,
                            _mm512_min_ps(_mm512_set1_ps(s.hi), _mm512_max_ps(_mm512_set1_ps(s.lo), acc[v])));
    }
  }
};

}  // namespace

void depthwise_span_f32_avx512(const DepthwiseSpanF32& span) { run_span<Avx512>(span); }

}  // namespace openhb::conv
