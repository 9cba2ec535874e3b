// SPDX-License-Identifier: Apache-2.0
#include "tests/device/dnn/test_client.h"

#include <cstring>
#include <random>

namespace openhb::testing {
namespace {

void flush(std::vector<hbDNNTensor>& tensors, int32_t flag) {
  for (hbDNNTensor& t : tensors) hbSysFlushMem(&t.sysMem[0], flag);
}

void allocate(hbDNNTensor& tensor) {
  const int32_t bytes = tensor.properties.alignedByteSize;
  ASSERT_GT(bytes, 0);
  ASSERT_DONE(hbSysAllocCachedMem(&tensor.sysMem[0], static_cast<uint32_t>(bytes)));
}

}  // namespace

Pack::Pack(const std::vector<std::string>& files) {
  std::vector<const char*> names;
  for (const std::string& file : files) names.push_back(file.c_str());
  EXPECT_DONE(hbDNNInitializeFromFiles(&packed_, names.data(), static_cast<int32_t>(names.size())));
}

Pack::~Pack() {
  if (packed_) EXPECT_DONE(hbDNNRelease(packed_));
}

hbDNNHandle_t Pack::model(const std::string& name) const {
  hbDNNHandle_t handle = nullptr;
  EXPECT_DONE(hbDNNGetModelHandle(&handle, packed_, name.c_str()));
  return handle;
}

int32_t Pack::release() {
  const int32_t status = hbDNNRelease(packed_);
  if (status == 0) packed_ = nullptr;
  return status;
}

Tensors::Tensors(hbDNNHandle_t model, uint32_t seed) : model_(model) {
  int32_t count = 0;
  EXPECT_DONE(hbDNNGetInputCount(&count, model));
  inputs.resize(static_cast<size_t>(count));
  EXPECT_DONE(hbDNNGetOutputCount(&count, model));
  outputs.resize(static_cast<size_t>(count));
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_DONE(hbDNNGetInputTensorProperties(&inputs[i].properties, model, static_cast<int32_t>(i)));
    allocate(inputs[i]);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    EXPECT_DONE(hbDNNGetOutputTensorProperties(&outputs[i].properties, model, static_cast<int32_t>(i)));
    allocate(outputs[i]);
  }
  fill_inputs(seed);
}

Tensors::~Tensors() {
  for (hbDNNTensor& t : inputs) EXPECT_DONE(hbSysFreeMem(&t.sysMem[0]));
  for (hbDNNTensor& t : outputs) EXPECT_DONE(hbSysFreeMem(&t.sysMem[0]));
}

void Tensors::fill_inputs(uint32_t seed) {
  std::mt19937 random(seed);
  for (hbDNNTensor& t : inputs) {
    auto* bytes = static_cast<unsigned char*>(t.sysMem[0].virAddr);
    const size_t size = t.sysMem[0].memSize;
    if (t.properties.tensorType == HB_DNN_TENSOR_TYPE_F32) {
      for (size_t at = 0; at + sizeof(float) <= size; at += sizeof(float)) {
        const float value = static_cast<float>(random() % 1000) / 500.0f - 1.0f;
        std::memcpy(bytes + at, &value, sizeof value);
      }
    } else {
      for (size_t at = 0; at < size; ++at) bytes[at] = static_cast<unsigned char>(random());
    }
  }
  flush(inputs, HB_SYS_MEM_CACHE_CLEAN);
}

void Tensors::clear_outputs() {
  for (hbDNNTensor& t : outputs) std::memset(t.sysMem[0].virAddr, 0, t.sysMem[0].memSize);
  flush(outputs, HB_SYS_MEM_CACHE_CLEAN);
}

std::vector<std::byte> Tensors::output_bytes() {
  flush(outputs, HB_SYS_MEM_CACHE_INVALIDATE);
  std::vector<std::byte> all;
  for (const hbDNNTensor& t : outputs) {
    const auto* bytes = static_cast<const std::byte*>(t.sysMem[0].virAddr);
    all.insert(all.end(), bytes, bytes + t.sysMem[0].memSize);
  }
  return all;
}

int32_t Tensors::submit(hbDNNTaskHandle_t* task, const hbDNNInferCtrlParam& control) {
  hbDNNInferCtrlParam copy = control;
  hbDNNTensor* output = outputs.data();
  return hbDNNInfer(task, &output, inputs.data(), model_, &copy);
}

int32_t Tensors::run() {
  hbDNNTaskHandle_t task = nullptr;
  if (const int32_t status = submit(&task, control_parameters()); status != 0) return status;
  const int32_t status = hbDNNWaitTaskDone(task, 0);
  const int32_t released = hbDNNReleaseTask(task);
  return status != 0 ? status : released;
}

hbDNNInferCtrlParam control_parameters(int32_t priority, int32_t core, int32_t more, int64_t custom_id) {
  hbDNNInferCtrlParam control;
  HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
  control.priority = priority;
  control.bpuCoreId = core;
  control.more = more;
  control.customId = custom_id;
  return control;
}

}  // namespace openhb::testing
