// SPDX-License-Identifier: Apache-2.0
// A C++11 application in the style of published ones: a Model class over the handles, several models in one
// pack, small models batched with `more`, priorities, time-outs, callbacks, regions of NV12 pictures.
// Usage: pipeline RESIZER_MODEL MODEL...
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "dnn/hb_dnn.h"
#include "dnn/hb_dnn_ext.h"
#include "dnn/hb_sys.h"

#define CHECK_RET(call)                                                                      \
  do {                                                                                       \
    const int32_t returned = (call);                                                         \
    if (returned != HB_DNN_SUCCESS)                                                          \
      throw std::runtime_error(std::string(#call) + " failed: " + std::to_string(returned)); \
  } while (0)

namespace {

class TensorBuffer {
 public:
  explicit TensorBuffer(const hbDNNTensorProperties& properties, int times = 1) {
    std::memset(&tensor_, 0, sizeof(tensor_));
    tensor_.properties = properties;
    CHECK_RET(
        hbSysAllocCachedMem(&tensor_.sysMem[0], static_cast<uint32_t>(properties.alignedByteSize * times)));
  }
  ~TensorBuffer() { hbSysFreeMem(&tensor_.sysMem[0]); }
  TensorBuffer(const TensorBuffer&) = delete;
  TensorBuffer& operator=(const TensorBuffer&) = delete;

  hbDNNTensor& tensor() { return tensor_; }
  template <typename T>
  T* data() {
    return reinterpret_cast<T*>(tensor_.sysMem[0].virAddr);
  }
  void Clean() { hbSysFlushMem(&tensor_.sysMem[0], HB_SYS_MEM_CACHE_CLEAN); }
  void Invalidate() { hbSysFlushMem(&tensor_.sysMem[0], HB_SYS_MEM_CACHE_INVALIDATE); }

 private:
  hbDNNTensor tensor_;
};

using TensorPtr = std::shared_ptr<TensorBuffer>;

std::vector<hbDNNTensor> Views(const std::vector<TensorPtr>& tensors) {
  std::vector<hbDNNTensor> views;
  for (auto& t : tensors) views.push_back(t->tensor());
  return views;
}

class Model {
 public:
  explicit Model(hbDNNHandle_t handle) : handle_(handle) {
    int32_t count = 0;
    CHECK_RET(hbDNNGetInputCount(&count, handle_));
    input_properties_.resize(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; i++)
      CHECK_RET(hbDNNGetInputTensorProperties(&input_properties_[static_cast<size_t>(i)], handle_, i));
    CHECK_RET(hbDNNGetOutputCount(&count, handle_));
    output_properties_.resize(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; i++)
      CHECK_RET(hbDNNGetOutputTensorProperties(&output_properties_[static_cast<size_t>(i)], handle_, i));
  }

  hbDNNHandle_t handle() const { return handle_; }
  int Source(int32_t input) const {
    int32_t source = -1;
    CHECK_RET(hbDNNGetInputSource(&source, handle_, input));
    return source;
  }
  const hbDNNTensorProperties& InputProperties(size_t i) const { return input_properties_[i]; }
  std::vector<TensorPtr> Inputs() const { return Make(input_properties_, 1); }
  std::vector<TensorPtr> Outputs(int times = 1) const { return Make(output_properties_, times); }

 private:
  static std::vector<TensorPtr> Make(const std::vector<hbDNNTensorProperties>& all, int times) {
    std::vector<TensorPtr> tensors;
    for (auto& properties : all) tensors.push_back(std::make_shared<TensorBuffer>(properties, times));
    return tensors;
  }
  hbDNNHandle_t handle_;
  std::vector<hbDNNTensorProperties> input_properties_, output_properties_;
};

class ModelManager {
 public:
  explicit ModelManager(const std::vector<std::string>& files) {
    std::vector<const char*> names;
    for (auto& file : files) names.push_back(file.c_str());
    CHECK_RET(hbDNNInitializeFromFiles(&packed_, names.data(), static_cast<int>(names.size())));
    const char** list = nullptr;
    int32_t count = 0;
    CHECK_RET(hbDNNGetModelNameList(&list, &count, packed_));
    for (int32_t i = 0; i < count; i++) {
      hbDNNHandle_t handle = nullptr;
      CHECK_RET(hbDNNGetModelHandle(&handle, packed_, list[i]));
      models_.push_back(std::make_shared<Model>(handle));
      std::cout << "model[" << i << "]: " << list[i] << "\n";
    }
  }
  ~ModelManager() {
    if (hbDNNRelease(packed_) != HB_DNN_SUCCESS) std::cout << "hbDNNRelease failed\n";
  }
  const std::vector<std::shared_ptr<Model>>& models() const { return models_; }

 private:
  hbPackedDNNHandle_t packed_ = nullptr;
  std::vector<std::shared_ptr<Model>> models_;
};

void FillFloats(const std::vector<TensorPtr>& inputs) {
  for (auto& input : inputs) {
    auto& properties = input->tensor().properties;
    const int count = properties.alignedByteSize / static_cast<int>(sizeof(float));
    for (int i = 0; i < count && properties.tensorType == HB_DNN_TENSOR_TYPE_F32; i++)
      input->data<float>()[i] = static_cast<float>(i % 11) / 11.0f;
    input->Clean();
  }
}

void Print(const char* title, const std::vector<TensorPtr>& outputs) {
  std::printf("%s:", title);
  for (auto& output : outputs) {
    output->Invalidate();
    if (output->tensor().properties.tensorType == HB_DNN_TENSOR_TYPE_F32)
      std::printf(" %.6g", static_cast<double>(output->data<float>()[0]));
    else
      std::printf(" %d", output->data<int8_t>()[0]);
  }
  std::printf("\n");
}

struct Buffers {
  std::vector<TensorPtr> inputs, outputs;
  std::vector<hbDNNTensor> input_views, output_views;
  explicit Buffers(const Model& model) : inputs(model.Inputs()), outputs(model.Outputs()) {
    FillFloats(inputs);
    input_views = Views(inputs), output_views = Views(outputs);
  }
};

// All models in one task: the outputs are valid when the last one is done.
void RunBatched(const ModelManager& manager) {
  std::vector<std::unique_ptr<Buffers>> buffers;
  hbDNNTaskHandle_t task = nullptr;
  for (size_t i = 0; i < manager.models().size(); i++) {
    auto& model = *manager.models()[i];
    buffers.emplace_back(new Buffers(model));
    hbDNNInferCtrlParam param;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&param);
    param.more = i + 1 < manager.models().size();
    auto* output = buffers.back()->output_views.data();
    CHECK_RET(hbDNNInfer(&task, &output, buffers.back()->input_views.data(), model.handle(), &param));
  }
  CHECK_RET(hbDNNWaitTaskDone(task, 0));
  CHECK_RET(hbDNNReleaseTask(task));
  for (auto& b : buffers) Print("batched", b->outputs);
}

// Every model in its own task, the later ones more urgent; waits in short pieces as a frame loop would.
void RunByPriority(const ModelManager& manager) {
  std::vector<std::unique_ptr<Buffers>> buffers;
  std::vector<hbDNNTaskHandle_t> tasks;
  for (auto& model : manager.models()) {
    buffers.emplace_back(new Buffers(*model));
    hbDNNInferCtrlParam param;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&param);
    param.priority = static_cast<int32_t>(tasks.size()) % 256;
    param.bpuCoreId = tasks.size() % 2 == 0 ? HB_BPU_CORE_0 : HB_BPU_CORE_1;
    param.customId = static_cast<int64_t>(tasks.size());
    hbDNNTaskHandle_t task = nullptr;
    auto* output = buffers.back()->output_views.data();
    CHECK_RET(hbDNNInfer(&task, &output, buffers.back()->input_views.data(), model->handle(), &param));
    tasks.push_back(task);
  }
  for (size_t i = 0; i < tasks.size(); i++) {
    int32_t code;
    do code = hbDNNWaitTaskDone(tasks[i], 5);
    while (code == HB_DNN_TIMEOUT);
    CHECK_RET(code);
    CHECK_RET(hbDNNReleaseTask(tasks[i]));
    Print("priority", buffers[i]->outputs);
  }
}

// The callback hands the finished task to the main thread.
class DoneQueue {
 public:
  static void Callback(hbDNNTaskHandle_t task, int32_t status, void* userdata) {
    static_cast<DoneQueue*>(userdata)->Add(task, status);
  }
  std::pair<hbDNNTaskHandle_t, int32_t> Next() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !done_.empty(); });
    auto first = done_.front();
    done_.erase(done_.begin());
    return first;
  }

 private:
  void Add(hbDNNTaskHandle_t task, int32_t status) {
    std::lock_guard<std::mutex> lock(mutex_);
    done_.emplace_back(task, status);
    changed_.notify_one();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<hbDNNTaskHandle_t, int32_t>> done_;
};

void RunWithCallbacks(const ModelManager& manager) {
  DoneQueue queue;
  std::vector<std::unique_ptr<Buffers>> buffers;
  for (auto& model : manager.models()) {
    buffers.emplace_back(new Buffers(*model));
    hbDNNInferCtrlParam param;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&param);
    hbDNNTaskHandle_t task = nullptr;
    auto* output = buffers.back()->output_views.data();
    CHECK_RET(hbDNNInfer(&task, &output, buffers.back()->input_views.data(), model->handle(), &param));
    CHECK_RET(hbDNNSetTaskDoneCb(task, &DoneQueue::Callback, &queue));
  }
  for (size_t i = 0; i < buffers.size(); i++) {
    auto done = queue.Next();
    CHECK_RET(done.second);
    CHECK_RET(hbDNNReleaseTask(done.first));
  }
  for (auto& b : buffers) Print("callback", b->outputs);
}

// Three boxes of one camera frame, as a face or plate recognizer gets them from a detector.
void RunRegions(const Model& model) {
  const int kWidth = 1280, kHeight = 720;
  const uint32_t luma_size = static_cast<uint32_t>(kWidth * kHeight);
  hbSysMem luma, chroma;
  CHECK_RET(hbSysAllocCachedMem(&luma, luma_size));
  CHECK_RET(hbSysAllocCachedMem(&chroma, luma_size / 2));
  for (int y = 0; y < kHeight; y++)
    for (int x = 0; x < kWidth; x++)
      static_cast<uint8_t*>(luma.virAddr)[y * kWidth + x] = static_cast<uint8_t>(x / 8 + y / 16);
  std::memset(chroma.virAddr, 128, luma_size / 2);
  hbSysFlushMem(&luma, HB_SYS_MEM_CACHE_CLEAN);
  hbSysFlushMem(&chroma, HB_SYS_MEM_CACHE_CLEAN);

  std::vector<hbDNNRoi> rois = {{100, 100, 259, 219}, {0, 0, 127, 95}, {640, 360, 703, 391}};
  std::vector<hbDNNTensor> inputs;
  for (size_t i = 0; i < rois.size(); i++) {
    if (model.Source(0) != HB_DNN_INPUT_FROM_RESIZER) throw std::runtime_error("not a resizer model");
    hbDNNTensor input;
    std::memset(&input, 0, sizeof(input));
    input.properties = model.InputProperties(0);
    input.properties.tensorType = HB_DNN_IMG_TYPE_NV12_SEPARATE;
    auto& valid = input.properties.validShape;
    const bool nchw = input.properties.tensorLayout == HB_DNN_LAYOUT_NCHW;
    valid.dimensionSize[nchw ? 2 : 1] = kHeight;
    valid.dimensionSize[nchw ? 3 : 2] = kWidth;
    input.properties.alignedShape = valid;
    input.sysMem[0] = luma;
    input.sysMem[1] = chroma;
    inputs.push_back(input);
  }
  auto outputs = model.Outputs(static_cast<int>(rois.size()));
  auto output_views = Views(outputs);
  for (auto& view : output_views) {
    view.properties.validShape.dimensionSize[0] *= static_cast<int32_t>(rois.size());
    view.properties.alignedShape.dimensionSize[0] *= static_cast<int32_t>(rois.size());
    view.properties.alignedByteSize *= static_cast<int32_t>(rois.size());
  }
  hbDNNInferCtrlParam param;
  HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&param);
  hbDNNTaskHandle_t task = nullptr;
  auto* output = output_views.data();
  CHECK_RET(hbDNNRoiInfer(&task, &output, inputs.data(), rois.data(), static_cast<int32_t>(rois.size()),
                          model.handle(), &param));
  CHECK_RET(hbDNNWaitTaskDone(task, 0));
  CHECK_RET(hbDNNReleaseTask(task));
  outputs[0]->Invalidate();
  const size_t elements = outputs[0]->tensor().sysMem[0].memSize / sizeof(float) / rois.size();
  for (size_t i = 0; i < rois.size(); i++)
    std::printf("region %zu: %.6g\n", i, static_cast<double>(outputs[0]->data<float>()[i * elements]));
  hbSysFreeMem(&luma);
  hbSysFreeMem(&chroma);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> files(argv + 2, argv + argc);
    ModelManager manager(files);
    RunBatched(manager);
    RunByPriority(manager);
    RunWithCallbacks(manager);
    ModelManager resizer({argv[1]});
    RunRegions(*resizer.models()[0]);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return 0;
}
