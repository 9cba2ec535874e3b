// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peak.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace openhb::bench {
#if defined(__x86_64__)
namespace {

constexpr int kChains = 16;  // independent sums: more than latency times pipes

[[gnu::target("avx512f,avx512vnni")]] void int8_avx512vnni() {
  __m512i sums[kChains] = {}, a = _mm512_set1_epi8(1), b = a;
  for (int64_t i = 0; i < kPeakRounds; ++i) {
    asm volatile("" : "+v"(a), "+v"(b));
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm512_dpbusd_epi32(sum, a, b);
  }
  for (auto& sum : sums) asm volatile("" ::"v"(sum));
}

[[gnu::target("avx512f")]] void float_avx512() {
  __m512 sums[kChains] = {}, a = _mm512_set1_ps(0.5f), b = a;
  for (int64_t i = 0; i < kPeakRounds; ++i) {
    asm volatile("" : "+v"(a), "+v"(b));
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm512_fmadd_ps(a, b, sum);
  }
  for (auto& sum : sums) asm volatile("" ::"v"(sum));
}

// vpmaddwd and an add, as exact int8 products need.
[[gnu::target("avx2")]] void int8_avx2() {
  constexpr int kSums = 12;
  __m256i sums[kSums] = {}, a = _mm256_set1_epi16(1), b = a;
  for (int64_t i = 0; i < kPeakRounds; ++i)
#pragma GCC unroll 12
    for (auto& sum : sums) {
      asm volatile("" : "+x"(a), "+x"(b));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
    }
  for (auto& sum : sums) asm volatile("" ::"x"(sum));
}

[[gnu::target("avx2,fma")]] void float_avx2() {
  constexpr int kSums = 12;
  __m256 sums[kSums] = {}, a = _mm256_set1_ps(0.5f), b = a;
  for (int64_t i = 0; i < kPeakRounds; ++i) {
    asm volatile("" : "+x"(a), "+x"(b));
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm256_fmadd_ps(a, b, sum);
  }
  for (auto& sum : sums) asm volatile("" ::"x"(sum));
}

}  // namespace

std::vector<Peak> peaks() {
  return {{"int8/avx2", kCpuAvx2, 12 * 16, int8_avx2},
          {"int8/avx512vnni", kCpuAvx512Vnni, kChains * 64, int8_avx512vnni},
          {"float/avx2", kCpuAvx2, 12 * 8, float_avx2},
          {"float/avx512", kCpuAvx512, kChains * 16, float_avx512}};
}
#else
std::vector<Peak> peaks() { return {}; }
#endif

}  // namespace openhb::bench
