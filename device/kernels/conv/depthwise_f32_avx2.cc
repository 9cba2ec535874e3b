// SPDX-License-Identifier: Apache-2.0
// float32 Depthwise.
#include <immintrin.h>
#include <stddef.h>

#include "device/kernels/conv/span_loops.h"

namespace openhb::conv {
namespace {

struct Avx2 {
  using T = float;
  using Span = DepthwiseSpanF32;
  using Vector = __m256;
  static constexpr int kGroup = 1, kLanes = 8, kPixels = 4, kVectors = 2;

  static void gather16(const T* const* rows, int64_t i, char* to) {
    const Vector a = _mm256_loadu_ps(rows[0] + i), b = _mm256_loadu_ps(rows[0] + i + 8);
    _mm256_storeu_ps(reinterpret_cast<float*>(to), a);
    _mm256_storeu_ps(reinterpret_cast<float*>(to) + 8, b);
  }

  static Vector load(const char* from) { return _mm256_loadu_ps(reinterpret_cast<const float*>(from)); }
  static Vector start(const Span& s, int64_t lane) { return _mm256_loadu_ps(s.bias + lane); }
  static Vector dot(Vector acc, Vector x, Vector w) { return _mm256_fmadd_ps(x, w, acc); }
  static int64_t output_size(const Span&) { return 4; }

  template <int V>
  static void store(const Span& s, int64_t, char* y, int64_t valid, const Vector (&acc)[V]) {
    for (int v = 0; v < V && valid > v * kLanes; ++v) {
      // min and max return their second operand when the first is NaN or equal, as v < lo ? lo : v does.
      const Vector r = _mm256_min_ps(_mm256_set1_ps(s.hi), _mm256_max_ps(_mm256_set1_ps(s.lo), acc[v]));
      float* to = reinterpret_cast<float*>(y) + v * kLanes;
      if (valid >= (v + 1) * kLanes) {
        _mm256_storeu_ps(to, r);
      } else {
        alignas(32) float values[8];
        _mm256_store_ps(values, r);
        __builtin_memcpy(to, values, static_cast<size_t>(valid - v * kLanes) * 4);
      }
    }
  }
};

}  // namespace

void depthwise_span_f32_avx2(const DepthwiseSpanF32& span) { run_span<Avx2>(span); }

}  // namespace openhb::conv
