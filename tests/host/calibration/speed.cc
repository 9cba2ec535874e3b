// SPDX-License-Identifier: Apache-2.0
// Prints how long collecting and choosing take.
#include <chrono>
#include <cstdio>

#include "tests/host/calibration/distributions.h"

using namespace openhb::calibration;

template <class Work>
static double milliseconds(int repeats, Work work) {
  double best = HUGE_VAL;
  for (int r = 0; r < repeats; ++r) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(
        best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

int main() {
  for (const Distribution& d : distributions()) {
    const std::vector<float> values = sample(d, size_t{1} << 20, 1);
    Histogram h;
    std::printf("%-14s add 1 Mi: %.2f ms  1 Ki calls of 1 Ki: %.2f ms ", d.name.c_str(),
                milliseconds(9, [&] { h.add(values); }), milliseconds(9, [&] {
                  for (size_t i = 0; i < 1024; ++i) h.add(std::span(values).subspan(i * 1024, 1024));
                }));
    for (const auto& [name, method] : {std::pair{"kl", Method::kl}, {"mse", Method::mse}})
      for (bool symmetric : {true, false})
        std::printf(" %s%s: %.2f ms", name, symmetric ? "" : " asymmetric",
                    milliseconds(5, [&] { choose_range(h, method, 1, symmetric); }));
    std::printf("\n");
  }
}
