// SPDX-License-Identifier: Apache-2.0
// Models and tensors for tests of the C API.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "common/program/file.h"
#include "device/engine/model.h"
#include "dnn/hb_dnn.h"
#include "dnn/hb_dnn_ext.h"
#include "dnn/openhb_ext.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::testing {

inline void expect_ok(int32_t status) {
  EXPECT_EQ(status, HB_DNN_SUCCESS) << openhbGetStatusName(status) << ": " << openhbGetLastError();
}

// Tensors with memory of their own, as a port's properties say.
class Tensors {
 public:
  ~Tensors() {
    for (hbDNNTensor& t : tensors_)
      for (hbSysMem& mem : t.sysMem)
        if (mem.virAddr) hbSysFreeMem(&mem);
  }
  Tensors() = default;
  Tensors(const Tensors&) = delete;
  Tensors& operator=(const Tensors&) = delete;

  hbDNNTensor& add(const hbDNNTensorProperties& properties, uint32_t bytes = 0) {
    hbDNNTensor& t = tensors_.emplace_back();
    t = {};
    t.properties = properties;
    expect_ok(hbSysAllocCachedMem(
        &t.sysMem[0], bytes ? bytes : static_cast<uint32_t>(std::max(properties.alignedByteSize, 1))));
    return t;
  }
  hbDNNTensor* data() { return tensors_.data(); }
  hbDNNTensor& operator[](size_t i) { return tensors_[i]; }
  size_t size() const { return tensors_.size(); }
  std::vector<std::byte> bytes(size_t i) {
    hbSysFlushMem(&tensors_[i].sysMem[0], HB_SYS_MEM_CACHE_INVALIDATE);
    const auto* from = static_cast<const std::byte*>(tensors_[i].sysMem[0].virAddr);
    return {from, from + tensors_[i].properties.alignedByteSize};
  }

 private:
  std::vector<hbDNNTensor> tensors_;
};

// A package of programs, loaded from memory.
class Loaded {
 public:
  explicit Loaded(const std::vector<Program>& programs) {
    std::vector<std::vector<std::byte>> files;
    std::vector<const void*> data;
    std::vector<int32_t> sizes;
    for (const Program& program : programs) {
      files.push_back(serialize_program(program));
      data.push_back(files.back().data());
      sizes.push_back(static_cast<int32_t>(files.back().size()));
    }
    expect_ok(
        hbDNNInitializeFromDDR(&package_, data.data(), sizes.data(), static_cast<int32_t>(data.size())));
  }
  ~Loaded() { expect_ok(hbDNNRelease(package_)); }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;

  hbPackedDNNHandle_t package() const { return package_; }
  hbDNNHandle_t model(const std::string& name) const {
    hbDNNHandle_t handle = nullptr;
    expect_ok(hbDNNGetModelHandle(&handle, package_, name.c_str()));
    return handle;
  }

 private:
  hbPackedDNNHandle_t package_ = nullptr;
};

inline void make_tensors(hbDNNHandle_t model, Tensors& inputs, Tensors& outputs) {
  int32_t count = 0;
  hbDNNTensorProperties properties;
  expect_ok(hbDNNGetInputCount(&count, model));
  for (int32_t i = 0; i < count; ++i) {
    expect_ok(hbDNNGetInputTensorProperties(&properties, model, i));
    inputs.add(properties);
  }
  expect_ok(hbDNNGetOutputCount(&count, model));
  for (int32_t i = 0; i < count; ++i) {
    expect_ok(hbDNNGetOutputTensorProperties(&properties, model, i));
    outputs.add(properties);
  }
}

// The same values for the same seed: floats in [-1, 1), any bytes in 8 bit types, 0 in others.
inline void fill(hbDNNTensor& tensor, unsigned seed) {
  std::mt19937 random(seed);
  const auto size = static_cast<size_t>(tensor.properties.alignedByteSize);
  auto* to = static_cast<uint8_t*>(tensor.sysMem[0].virAddr);
  std::memset(to, 0, size);
  const int32_t type = tensor.properties.tensorType;
  if (type == HB_DNN_TENSOR_TYPE_F32) {
    for (size_t i = 0; i + 4 <= size; i += 4) {
      const float value = static_cast<float>(random() >> 8) * 0x1p-23f - 1;
      std::memcpy(to + i, &value, 4);
    }
  } else if (type <= HB_DNN_IMG_TYPE_BGR || type == HB_DNN_TENSOR_TYPE_S8 || type == HB_DNN_TENSOR_TYPE_U8) {
    for (size_t i = 0; i < size; ++i) to[i] = static_cast<uint8_t>(random());
  }
  hbSysFlushMem(&tensor.sysMem[0], HB_SYS_MEM_CACHE_CLEAN);
}

}  // namespace openhb::testing
