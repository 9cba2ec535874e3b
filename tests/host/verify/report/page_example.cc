// SPDX-License-Identifier: Apache-2.0
// Writes the page of a made-up verification, with names that are attacks, for e2e/check_verification_page.py.
#include <cmath>
#include <cstdio>

#include "common/io/file.h"
#include "host/verify/verification.h"

using namespace openhb;
using namespace openhb::verify;

namespace {

const std::vector<std::string> kHostile{"</script><script>window.owned=1</script>",
                                        "<img src=x onerror=window.owned=2>",
                                        "--><!--",
                                        "a\"b'c&amp;{{data}}",
                                        "\u202eright to left",
                                        std::string(300, 'x'),
                                        "__proto__",
                                        "not UTF-8: \xff\xfe"};

constexpr size_t kTensors = 120, kSamples = 3;

std::string name_of(size_t i) {
  return i % 10 == 7 && i / 10 < kHostile.size() ? kHostile[i / 10] : fmt::format("layer{}.out", i);
}

// `off`: how many of the elements differ.
TensorResult tensor(size_t i, uint64_t off, bool bits) {
  TensorResult t;
  t.tensor = name_of(i);
  t.kind = i == 0 ? "output" : "tensor";
  t.step = "Conv of " + name_of(i);
  t.shape = {1, 16, 8, 8};
  t.dtype_left = t.dtype_right = i == 0 ? "float32" : "int8";
  t.row_left = "avx512vnni", t.row_right = "dotprod";
  Difference& d = t.difference;
  d.total = 1024, d.bits_differ = off, d.line_diff = off / 2;
  d.ulp[0] = 1024 - off, d.ulp[3] = off / 2, d.ulp[kUlpBins - 1] = off - off / 2;
  if (off > 0) {
    d.max_abs = 0.25 * static_cast<double>(off), d.max_relative = 0.5, d.cosine = 0.99, d.relative_l2 = 0.1;
    d.first = 77, d.first_a = 1.5, d.first_b = std::nan(""), d.worst = 78;
  }
  t.passed = bits ? off == 0 : d.line_diff == 0;
  return t;
}

PairResult pair(const std::string& left, const std::string& right, size_t sample, bool bits, size_t broken) {
  PairResult p;
  p.left = left, p.right = right, p.sample = sample, p.bit_exact = bits;
  for (size_t i = 0; i < kTensors; ++i) {
    const bool differs = broken < kTensors && (i == 0 || i >= broken);
    p.tensors.push_back(tensor(i, differs ? 10 + 10 * sample : 0, bits));
    p.passed = p.passed && p.tensors.back().passed;
  }
  if (broken < kTensors) p.first = broken, p.reproducer = "reproducer/" + kHostile[0];
  p.only_left = {kHostile[1]};
  return p;
}

StageResult stage(const std::string& name, const std::string& side, double loss, bool loses) {
  StageResult s{name, side, {}, {}, loses};
  for (size_t i = 1; i < kTensors; ++i) {
    const double off = i < 40 ? loss / 100 : loss * (0.5 + 0.004 * static_cast<double>(i));
    s.tensors.push_back(
        {name_of(i), "node_" + name_of(i), 1 - off, 1 - off / 3, std::sqrt(2 * off), i % kSamples});
  }
  s.outputs.push_back({name_of(0), "node_" + name_of(0), 1 - loss, 1 - loss / 2, std::sqrt(2 * loss), 1});
  return s;
}

Verification example() {
  Verification v;
  v.version = "1.0", v.model = "net <b>&";
  v.files = {{"model.bin", "out/" + kHostile[0] + ".bin", 1, 123456, std::string(32, 'a')}};
  v.seed = 17;
  for (size_t i = 0; i < kSamples; ++i)
    v.samples.push_back({fmt::format("random, seed {}", 17 + i), {{kHostile[6], kHostile[0]}}});
  v.sides = {
      {"Quanti.onnx", {{"file", "q.onnx"}}, {}, 1.25, 0, 0, ""},
      {"Sim", {{"CPU features", "avx2 avx512vnni"}}, {"avx512vnni"}, 0.5, 0, 0, ""},
      {"Arm", {{"architecture", "aarch64"}, {kHostile[2], kHostile[1]}}, {"dotprod"}, 2.5, 123456, 7890, ""},
      {"Arm 10.0.0.9", {}, {}, 0, 0, 0, "OHB-0900: " + kHostile[1]}};
  for (size_t s = 0; s < kSamples; ++s) {
    v.pairs.push_back(pair("Quanti.onnx", "Sim", s, false, kTensors));
    v.pairs.push_back(pair("Sim", "Arm", s, true, s == 0 ? kTensors : 47));
  }
  v.stages =
      Stages{{stage("optimized", "Optimized", 1e-9, false), stage("calibrated", "Calibrated", 0.05, true),
              stage("quantized", "Quanti.onnx", 0.06, false), stage("simulator", "Sim", 0.06, false),
              stage("board", "Arm", 0.06, false)},
             {{"calibrated",
               name_of(47),
               "node_" + name_of(47),
               "Conv",
               0.9999,
               0.96,
               1,
               "clipping: 3.1 % of the values lie outside of [-1.2, 1.19] " + kHostile[1],
               {"set_node_data_type: " + kHostile[0] + ":int16", "run_on_cpu: a;b"}},
              {"calibrated", name_of(0), "", "", 1, 0.95, 1, "many small errors add up", {}}},
             "Stage calibrated loses accuracy " + kHostile[0]};
  v.notes = {"a warning with " + kHostile[1]};
  v.passed = false;
  return v;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: verification_page_example PAGE JSON\n");
    return 2;
  }
  const Verification v = example();
  write_file_atomically(argv[1], verification_html(v));
  write_file_atomically(argv[2], verification_json(v));
  return 0;
}
