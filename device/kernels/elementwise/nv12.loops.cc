// SPDX-License-Identifier: Apache-2.0
#include "device/kernels/elementwise/loop.h"
#include "device/kernels/elementwise/nv12_loops.h"

namespace openhb::kernels {
namespace {

using Bytes = Vector<uint8_t, 16>;

template <class T>
OPENHB_INLINE void one_by_one(const uint8_t* luma, const uint8_t* chroma, T* y, int64_t first, int64_t last,
                              int64_t pitch) {
  for (int64_t x = first; x < last; ++x) {
    T* to = y + x * pitch;
    to[0] = static_cast<T>(luma[x] - 128);
    to[1] = static_cast<T>(chroma[x & ~int64_t{1}] - 128);
    to[2] = static_cast<T>(chroma[x | 1] - 128);
  }
}

OPENHB_INLINE Bytes load(const uint8_t* from) {
  Bytes v;
  __builtin_memcpy(&v, from, sizeof v);
  return v ^ uint8_t { 0x80 };  // u - 128
}
OPENHB_INLINE void store(int8_t* to, Bytes v) { __builtin_memcpy(to, &v, sizeof v); }

void to_i8(const uint8_t* luma, const uint8_t* chroma, int8_t* y, int64_t first, int64_t last,
           int64_t pitch) {
  if (first % 2 != 0 && first < last) {
    one_by_one(luma, chroma, y, first, first + 1, pitch);
    ++first;
  }
  if (pitch == 3)
    for (; last - first >= 16; first += 16) {
      const Bytes l = load(luma + first), c = load(chroma + first);
      int8_t* to = y + first * 3;
      store(to, __builtin_shufflevector(l, c, 0, 16, 17, 1, 16, 17, 2, 18, 19, 3, 18, 19, 4, 20, 21, 5));
      store(to + 16,
            __builtin_shufflevector(l, c, 20, 21, 6, 22, 23, 7, 22, 23, 8, 24, 25, 9, 24, 25, 10, 26));
      store(to + 32,
            __builtin_shufflevector(l, c, 27, 11, 26, 27, 12, 28, 29, 13, 28, 29, 14, 30, 31, 15, 30, 31));
    }
  one_by_one(luma, chroma, y, first, last, pitch);
}

void to_f32(const uint8_t* luma, const uint8_t* chroma, float* y, int64_t first, int64_t last,
            int64_t pitch) {
  one_by_one(luma, chroma, y, first, last, pitch);
}

}  // namespace

namespace OPENHB_ISA {
extern const Nv12Loops kNv12Loops;
const Nv12Loops kNv12Loops = {to_i8, to_f32};
}  // namespace OPENHB_ISA

}  // namespace openhb::kernels
