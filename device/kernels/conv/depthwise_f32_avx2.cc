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
  static constexpr int kGroup = 1, kLanes = 8, kPixels = 3, kVectors = 4;

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
    bool plain;  // whole vectors

    Stage(const Span& s, int64_t lane, int64_t count) : valid(count), plain(count >= V * kLanes) {
      for (int v = 0; v < V; ++v) start[v] = load(s.bias + lane + v * kLanes);
      lo = _mm256_set1_ps(s.lo), hi = _mm256_set1_ps(s.hi);
    }

    // min and max return their second operand when the first is NaN or equal, as v < lo ? lo : v does.
    Vector clamp(Vector v) const { return _mm256_min_ps(hi, _mm256_max_ps(lo, v)); }

    void store(char* y, const Vector (&acc)[V]) const {
      for (int v = 0; v < V; ++v) _mm256_storeu_ps(reinterpret_cast<float*>(y) + v * kLanes, clamp(acc[v]));
    }

    void store_rest(char* y, const Vector (&acc)[V]) const {
      alignas(32) float values[V * kLanes];
      for (int v = 0; v < V; ++v) _mm256_store_ps(values + v * kLanes, clamp(acc[v]));
      __builtin_memcpy(y, values, static_cast<size_t>(valid) * 4);
    }
  };
};

}  // namespace

void depthwise_span_f32_avx2(const DepthwiseSpanF32& span) { run_span<Avx2>(span); }

}  // namespace openhb::conv
