// SPDX-License-Identifier: Apache-2.0
// The C interface for tests: models and tensors that free themselves.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dnn/hb_dnn.h"
#include "dnn/openhb_ext.h"

namespace openhb::testing {

// Succeeded, or a test failure with the library's own words.
#define EXPECT_DONE(call)                                                                        \
  do {                                                                                           \
    const int32_t status_of_call = (call);                                                       \
    EXPECT_EQ(status_of_call, 0) << #call << ": " << openhbGetStatusName(status_of_call) << ": " \
                                 << openhbGetLastError();                                        \
  } while (false)
#define ASSERT_DONE(call)                                                                        \
  do {                                                                                           \
    const int32_t status_of_call = (call);                                                       \
    ASSERT_EQ(status_of_call, 0) << #call << ": " << openhbGetStatusName(status_of_call) << ": " \
                                 << openhbGetLastError();                                        \
  } while (false)

// The models of some files.
class Pack {
 public:
  explicit Pack(const std::vector<std::string>& files);
  ~Pack();
  Pack(const Pack&) = delete;
  Pack& operator=(const Pack&) = delete;

  hbPackedDNNHandle_t packed() const { return packed_; }
  // Null, with a test failure, when there is no such model.
  hbDNNHandle_t model(const std::string& name) const;
  // Now, instead of with the object.
  int32_t release();

 private:
  hbPackedDNNHandle_t packed_ = nullptr;
};

// Memory for all inputs and outputs of a model, with random inputs (finite floats) of a seed.
class Tensors {
 public:
  Tensors(hbDNNHandle_t model, uint32_t seed);
  ~Tensors();
  Tensors(const Tensors&) = delete;
  Tensors& operator=(const Tensors&) = delete;

  void fill_inputs(uint32_t seed);
  void clear_outputs();
  // Every byte of every output, padding included.
  std::vector<std::byte> output_bytes();
  int32_t submit(hbDNNTaskHandle_t* task, const hbDNNInferCtrlParam& control);
  // Submits with default parameters, waits, releases.
  int32_t run();

  std::vector<hbDNNTensor> inputs, outputs;

 private:
  hbDNNHandle_t model_;
};

hbDNNInferCtrlParam control_parameters(int32_t priority = 0, int32_t core = HB_BPU_CORE_ANY, int32_t more = 0,
                                       int64_t custom_id = 0);

}  // namespace openhb::testing
