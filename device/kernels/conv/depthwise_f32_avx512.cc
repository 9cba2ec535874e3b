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

  struct Gather {
    void operator()(const T* const* rows, int64_t i, char* to) const {
      _mm512_storeu_ps(to, _mm512_loadu_ps(rows[0] + i));
    }
  };

  static Vector load(const void* from) { return _mm512_loadu_ps(from); }
  static Vector dot(Vector acc, Vector x, Vector w) { return _mm512_fmadd_ps(x, w, acc); }
  static int64_t output_size(const Span&) { return 4; }

  template <int V>
  struct Stage {
    Vector start[V], lo, hi;
    __mmask16 mask[V];

    Stage(const Span& s, int64_t lane, int64_t valid) {
      for (int v = 0; v < V; ++v, valid -= kLanes) {
        start[v] = load(s.bias + lane + v * kLanes);
        mask[v] = static_cast<__mmask16>(valid >= kLanes ? 0xffff : valid > 0 ? (1 << valid) - 1 : 0);
      }
      lo = _mm512_set1_ps(s.lo), hi = _mm512_set1_ps(s.hi);
    }

    // min and max return their second operand when the first is NaN or equal, as v < lo ? lo : v does.
    void store(char* y, const Vector (&acc)[V]) const {
      for (int v = 0; v < V; ++v)
        _mm512_mask_storeu_ps(y + v * 64, mask[v], _mm512_min_ps(hi, _mm512_max_ps(lo, acc[v])));
    }
  };
};

}  // namespace

void depthwise_span_f32_avx512(const DepthwiseSpanF32& span) { run_span<Avx512>(span); }

}  // namespace openhb::conv
