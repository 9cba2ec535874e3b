// SPDX-License-Identifier: Apache-2.0
// Camera frames into a model with an NV12 input.
//   nv12_camera classify MODEL FRAME [LABELS] [LEFT TOP RIGHT BOTTOM]
//   nv12_camera detect MODEL FRAME        outputs: scores [1,N,2] and boxes [1,N,4] in 0..1 (UltraFace)
// A model of source resizer takes the region (default: all) out of the whole frame by itself; for others the
// frame is resized here.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "dnn/hb_dnn.h"
#include "dnn/hb_dnn_ext.h"
#include "dnn/openhb_ext.h"
#include "picture.h"

namespace {

void check(int32_t status, const char* what) {
  if (status != HB_DNN_SUCCESS)
    throw std::runtime_error(std::string(what) + ": " + openhbGetStatusName(status) + ": " +
                             openhbGetLastError());
}

// Memory that frees itself.
class Memory {
 public:
  explicit Memory(size_t size) { check(hbSysAllocCachedMem(&mem_, static_cast<uint32_t>(size)), "memory"); }
  ~Memory() { hbSysFreeMem(&mem_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  const hbSysMem& mem() const { return mem_; }
  void write(const std::vector<uint8_t>& bytes) {
    std::memcpy(mem_.virAddr, bytes.data(), std::min<size_t>(bytes.size(), mem_.memSize));
    check(hbSysFlushMem(&mem_, HB_SYS_MEM_CACHE_CLEAN), "flush");
  }
  void to_be_read() { check(hbSysFlushMem(&mem_, HB_SYS_MEM_CACHE_INVALIDATE), "flush"); }

 private:
  hbSysMem mem_{};
};

class Model {
 public:
  explicit Model(const char* file) {
    check(hbDNNInitializeFromFiles(&package_, &file, 1), file);
    const char** names = nullptr;
    int32_t count = 0;
    check(hbDNNGetModelNameList(&names, &count, package_), "names");
    check(hbDNNGetModelHandle(&model_, package_, names[0]), names[0]);
    check(hbDNNGetInputTensorProperties(&input_, model_, 0), "input");
    check(hbDNNGetInputSource(&source_, model_, 0), "input source");
    if (input_.tensorType != HB_DNN_IMG_TYPE_NV12)
      throw std::runtime_error("the model's input is not nv12: compile it with input_type_rt: 'nv12'");
    check(hbDNNGetOutputCount(&count, model_), "outputs");
    for (int32_t i = 0; i < count; ++i) {
      hbDNNTensor output{};
      check(hbDNNGetOutputTensorProperties(&output.properties, model_, i), "output");
      memory_.emplace_back(new Memory(static_cast<size_t>(output.properties.alignedByteSize)));
      output.sysMem[0] = memory_.back()->mem();
      outputs.push_back(output);
    }
  }
  ~Model() { hbDNNRelease(package_); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  void run(const Frame& frame, const hbDNNRoi* region) {
    const bool nchw = input_.tensorLayout == HB_DNN_LAYOUT_NCHW;
    const int height_axis = nchw ? 2 : 1, width_axis = nchw ? 3 : 2;
    const bool resizer = source_ == HB_DNN_INPUT_FROM_RESIZER;
    hbDNNTensor input{};
    input.properties = input_;
    // The planes of camera frames lie apart.
    input.properties.tensorType = HB_DNN_IMG_TYPE_NV12_SEPARATE;
    const Frame& sized = resizer ? frame
                                 : (resized_ = resize(frame, input_.validShape.dimensionSize[width_axis],
                                                      input_.validShape.dimensionSize[height_axis]));
    Memory y(sized.y.size()), uv(sized.uv.size());
    y.write(sized.y), uv.write(sized.uv);
    input.sysMem[0] = y.mem(), input.sysMem[1] = uv.mem();

    hbDNNInferCtrlParam control;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
    hbDNNTaskHandle_t task = nullptr;
    hbDNNTensor* output = outputs.data();
    if (resizer) {
      // The whole frame, whatever its size; the library takes the region out of it.
      hbDNNRoi roi = region ? *region : hbDNNRoi{0, 0, frame.width - 1, frame.height - 1};
      input.properties.validShape.dimensionSize[height_axis] = frame.height;
      input.properties.validShape.dimensionSize[width_axis] = frame.width;
      input.properties.alignedShape = input.properties.validShape;
      input.properties.alignedShape.dimensionSize[width_axis] = frame.stride;
      check(hbDNNRoiInfer(&task, &output, &input, &roi, 1, model_, &control), "hbDNNRoiInfer");
    } else {
      check(hbDNNInfer(&task, &output, &input, model_, &control), "hbDNNInfer");
    }
    const int32_t status = hbDNNWaitTaskDone(task, 0);
    hbDNNReleaseTask(task);  // in any case: afterwards the memory is ours again
    check(status, "hbDNNWaitTaskDone");
    for (auto& memory : memory_) memory->to_be_read();
  }
  const float* floats(size_t output, size_t elements) const {
    const hbDNNTensorProperties& p = outputs.at(output).properties;
    size_t n = 1;
    for (int i = 0; i < p.validShape.numDimensions; ++i)
      n *= static_cast<size_t>(p.validShape.dimensionSize[i]);
    if (p.tensorType != HB_DNN_TENSOR_TYPE_F32 || n < elements)
      throw std::runtime_error("an output is not float32 or too small");
    return static_cast<const float*>(outputs[output].sysMem[0].virAddr);
  }

  std::vector<hbDNNTensor> outputs;

 private:
  hbPackedDNNHandle_t package_ = nullptr;
  hbDNNHandle_t model_ = nullptr;
  hbDNNTensorProperties input_{};
  int32_t source_ = 0;
  Frame resized_;
  std::vector<std::unique_ptr<Memory>> memory_;
};

void print_classes(const Model& model, const char* labels_file) {
  const auto& shape = model.outputs.at(0).properties.validShape;
  size_t classes = 1;
  for (int i = 0; i < shape.numDimensions; ++i) classes *= static_cast<size_t>(shape.dimensionSize[i]);
  const float* scores = model.floats(0, classes);
  std::vector<std::string> labels;
  if (labels_file) {
    std::ifstream file(labels_file);
    for (std::string line; std::getline(file, line);) labels.push_back(line);
  }
  std::vector<size_t> order(classes);
  for (size_t i = 0; i < classes; ++i) order[i] = i;
  const size_t top = std::min<size_t>(3, classes);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top), order.end(),
                    [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  for (size_t k = 0; k < top; ++k)
    std::printf("class %zu %.4f %s\n", order[k], static_cast<double>(scores[order[k]]),
                order[k] < labels.size() ? labels[order[k]].c_str() : "");
}

struct Box {
  float score, left, top, right, bottom;
  float area() const { return std::max(right - left, 0.0f) * std::max(bottom - top, 0.0f); }
};

float overlap(const Box& a, const Box& b) {
  const Box both{0, std::max(a.left, b.left), std::max(a.top, b.top), std::min(a.right, b.right),
                 std::min(a.bottom, b.bottom)};
  const float together = a.area() + b.area() - both.area();
  return together > 0 ? both.area() / together : 0;
}

// Boxes of high score, without those that overlap a better one.
void print_boxes(const Model& model, const Frame& frame) {
  constexpr float kScore = 0.7f, kOverlap = 0.3f;
  if (model.outputs.size() != 2) throw std::runtime_error("detect needs two outputs: scores and boxes");
  const size_t scores_at = model.outputs[0].properties.validShape.dimensionSize[2] == 2 ? 0 : 1;
  const auto n = static_cast<size_t>(model.outputs[scores_at].properties.validShape.dimensionSize[1]);
  const float* scores = model.floats(scores_at, 2 * n);
  const float* corners = model.floats(1 - scores_at, 4 * n);
  std::vector<Box> boxes, kept;
  for (size_t i = 0; i < n; ++i)
    if (scores[2 * i + 1] > kScore)
      boxes.push_back(
          {scores[2 * i + 1], corners[4 * i], corners[4 * i + 1], corners[4 * i + 2], corners[4 * i + 3]});
  std::sort(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.score > b.score; });
  for (const Box& box : boxes)
    if (std::none_of(kept.begin(), kept.end(), [&](const Box& k) { return overlap(k, box) > kOverlap; }))
      kept.push_back(box);
  std::printf("%zu objects\n", kept.size());
  const auto w = static_cast<float>(frame.width), h = static_cast<float>(frame.height);
  for (const Box& b : kept)
    std::printf("score %.3f, box %.0f %.0f %.0f %.0f\n", static_cast<double>(b.score),
                static_cast<double>(b.left * w), static_cast<double>(b.top * h),
                static_cast<double>(b.right * w), static_cast<double>(b.bottom * h));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (argc < 4 || (mode != "classify" && mode != "detect") || (argc > 5 && argc != 9)) {
    std::fprintf(stderr,
                 "usage: nv12_camera classify MODEL FRAME [LABELS] [LEFT TOP RIGHT BOTTOM]\n"
                 "       nv12_camera detect MODEL FRAME\n");
    return 2;
  }
  try {
    Model model(argv[2]);
    const Frame frame = read_frame(argv[3]);
    hbDNNRoi region{};
    if (argc == 9) region = {std::atoi(argv[5]), std::atoi(argv[6]), std::atoi(argv[7]), std::atoi(argv[8])};
    model.run(frame, argc == 9 ? &region : nullptr);
    if (mode == "classify")
      print_classes(model, argc > 4 ? argv[4] : nullptr);
    else
      print_boxes(model, frame);
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "nv12_camera: %s\n", e.what());
    return 1;
  }
}
