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

  struct Gather {
    void operator()(const T* const* rows, int64_t i, char* to) const {
      const Vector a = _mm256_loadu_ps(rows[0] + i), b = _mm256_loadu_ps(rows[0] + i + 8);
      _mm256_storeu_ps(reinterpret_cast<float*>(to), a);
      _mm256_storeu_ps(reinterpret_cast<float*>(to) + 8, b);
    }
  };

  static Vector load(const void* from) { return _mm256_loadu_ps(static_cast<const float*>(from)); }
  static Vector dot(Vector acc, Vector x, Vector w) { return _mm256_fmadd_ps(x, w, acc); }
  static int64_t output_size(const Span&) { return 4; }

  template <int V>
  struct Stage {
    Vector start[V], lo, hi;
    int64_t valid;

    Stage(const Span& s, int64_t lane, int64_t count) : valid(count) {
      for (int v = 0; v < V; ++v) start[v] = load(s.bias + lane + v * kLanes);
      lo = _mm256_set1_ps(s.lo), hi = _mm256_set1_ps(s.hi);
    }

    void store(char* y, const Vector (&acc)[V]) const {
      for (int v = 0; v < V && valid > v * kLanes; ++v) {
        // min and max return their second operand when the first is NaN or equal, as v < lo ? lo : v does.
        const Vector r = _mm256_min_ps(hi, _mm256_max_ps(lo, acc[v]));
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
};

}  // namespace

void depthwise_span_f32_avx2(const DepthwiseSpanF32& span) { run_span<Avx2>(span); }

}  // namespace openhb::conv
