// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/runtime.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "common/text/text.h"
#include "device/dnn/log.h"
#include "device/dnn/observer.h"
#include "dnn/openhb_ext.h"

namespace openhb::model_exec {
namespace {

// Of hbDNNDataType, in its order; the element type in memory.
struct TypeRow {
  const char* name;
  DType element;
};
constexpr std::array kTypes = {TypeRow{"HB_DNN_IMG_TYPE_Y", DType::u8},
                               TypeRow{"HB_DNN_IMG_TYPE_NV12", DType::u8},
                               TypeRow{"HB_DNN_IMG_TYPE_NV12_SEPARATE", DType::u8},
                               TypeRow{"HB_DNN_IMG_TYPE_YUV444", DType::u8},
                               TypeRow{"HB_DNN_IMG_TYPE_RGB", DType::u8},
                               TypeRow{"HB_DNN_IMG_TYPE_BGR", DType::u8},
                               TypeRow{"HB_DNN_TENSOR_TYPE_S4", DType::i8},
                               TypeRow{"HB_DNN_TENSOR_TYPE_U4", DType::u8},
                               TypeRow{"HB_DNN_TENSOR_TYPE_S8", DType::i8},
                               TypeRow{"HB_DNN_TENSOR_TYPE_U8", DType::u8},
                               TypeRow{"HB_DNN_TENSOR_TYPE_F16", DType::f16},
                               TypeRow{"HB_DNN_TENSOR_TYPE_S16", DType::i16},
                               TypeRow{"HB_DNN_TENSOR_TYPE_U16", DType::u16},
                               TypeRow{"HB_DNN_TENSOR_TYPE_F32", DType::f32},
                               TypeRow{"HB_DNN_TENSOR_TYPE_S32", DType::i32},
                               TypeRow{"HB_DNN_TENSOR_TYPE_U32", DType::u32},
                               TypeRow{"HB_DNN_TENSOR_TYPE_F64", DType::f64},
                               TypeRow{"HB_DNN_TENSOR_TYPE_S64", DType::i64},
                               TypeRow{"HB_DNN_TENSOR_TYPE_U64", DType::u64}};
static_assert(kTypes.size() == HB_DNN_TENSOR_TYPE_MAX);

const TypeRow& type_row(int32_t type) {
  if (type < 0 || type >= HB_DNN_TENSOR_TYPE_MAX) fail(ErrorCode::internal, "tensor type {}", type);
  return kTypes[static_cast<size_t>(type)];
}

template <class GetName, class GetProperties>
Port read_port(hbDNNHandle_t model, int32_t i, GetName get_name, GetProperties get_properties) {
  Port port;
  const char* name = nullptr;
  check(get_name(&name, model, i), "hbDNNGetInputName/OutputName");
  port.name = name;
  check(get_properties(&port.properties, model, i), "hbDNNGetInput/OutputTensorProperties");
  return port;
}

}  // namespace

void set_log_level(bool verbose) {
  // What these ask for and cannot be done is told in the log only.
  const bool observed = std::getenv("HB_DNN_PROFILER_LOG_PATH") || std::getenv("HB_DNN_DUMP_PATH");
  ::setenv("HB_DNN_LOG_LEVEL", verbose ? "1" : observed ? "3" : "5", 0);
}

void check(int32_t status, const char* function) {
  if (status == HB_DNN_SUCCESS) return;
  const std::string sentence = openhbGetLastError();
  throw Error(dnn::last_error_code(status),
              sentence.empty() ? fmt::format("{} gave {}", function, openhbGetStatusName(status)) : sentence);
}

std::string tensor_type_name(int32_t type) { return type_row(type).name; }

std::string layout_name(int32_t layout) {
  return layout == HB_DNN_LAYOUT_NHWC   ? "HB_DNN_LAYOUT_NHWC"
         : layout == HB_DNN_LAYOUT_NCHW ? "HB_DNN_LAYOUT_NCHW"
                                        : "HB_DNN_LAYOUT_NONE";
}

std::string quanti_type_name(int32_t type) {
  return type == SCALE ? "SCALE" : type == SHIFT ? "SHIFT" : "NONE";
}

std::string source_name(int32_t source) {
  return source == HB_DNN_INPUT_FROM_PYRAMID   ? "HB_DNN_INPUT_FROM_PYRAMID"
         : source == HB_DNN_INPUT_FROM_RESIZER ? "HB_DNN_INPUT_FROM_RESIZER"
                                               : "HB_DNN_INPUT_FROM_DDR";
}

Shape shape_of(const hbDNNTensorShape& shape) {
  return {shape.dimensionSize, shape.dimensionSize + shape.numDimensions};
}

DType element_type(const hbDNNTensorProperties& properties) {
  return type_row(properties.tensorType).element;
}

bool is_picture(const hbDNNTensorProperties& properties) {
  return properties.tensorType <= HB_DNN_IMG_TYPE_BGR;
}

bool ModelHandle::has_resizer() const {
  return std::ranges::any_of(inputs, [](const Port& p) { return p.source == HB_DNN_INPUT_FROM_RESIZER; });
}

int ModelHandle::batch() const {
  const auto is_resizer = [](const Port& p) { return p.source == HB_DNN_INPUT_FROM_RESIZER; };
  auto port = std::ranges::find_if(inputs, is_resizer);
  if (port == inputs.end()) port = inputs.begin();
  return port == inputs.end() || port->properties.validShape.numDimensions == 0
             ? 1
             : port->properties.validShape.dimensionSize[0];
}

Package::Package(const std::string& model_files) {
  const std::vector<std::string> paths = split(model_files, ',');
  if (paths.empty()) fail(ErrorCode::usage, "--model_file names no file");
  std::vector<const char*> files;
  for (const std::string& path : paths) files.push_back(path.c_str());
  check(hbDNNInitializeFromFiles(&handle_, files.data(), static_cast<int32_t>(files.size())),
        "hbDNNInitializeFromFiles");
  const char** names = nullptr;
  int32_t count = 0;
  check(hbDNNGetModelNameList(&names, &count, handle_), "hbDNNGetModelNameList");
  names_.assign(names, names + count);
}

Package::~Package() { hbDNNRelease(handle_); }

ModelHandle Package::select(const std::string& name) const {
  if (name.empty() && names_.size() > 1)
    fail(ErrorCode::usage, "the files hold {} models ({}); choose one with --model_name", names_.size(),
         fmt::join(names_, ", "));
  ModelHandle model;
  model.name = name.empty() ? names_[0] : name;
  if (std::ranges::find(names_, model.name) == names_.end())
    fail(ErrorCode::usage, "there is no model '{}' in the files; they hold: {}.{}", name,
         fmt::join(names_, ", "), suggestion(name, names_));
  check(hbDNNGetModelHandle(&model.handle, handle_, model.name.c_str()), "hbDNNGetModelHandle");
  int32_t count = 0;
  check(hbDNNGetInputCount(&count, model.handle), "hbDNNGetInputCount");
  for (int32_t i = 0; i < count; ++i) {
    model.inputs.push_back(read_port(model.handle, i, hbDNNGetInputName, hbDNNGetInputTensorProperties));
    check(hbDNNGetInputSource(&model.inputs.back().source, model.handle, i), "hbDNNGetInputSource");
  }
  check(hbDNNGetOutputCount(&count, model.handle), "hbDNNGetOutputCount");
  for (int32_t i = 0; i < count; ++i)
    model.outputs.push_back(read_port(model.handle, i, hbDNNGetOutputName, hbDNNGetOutputTensorProperties));
  model.program = dnn::engine_model(model.handle);
  return model;
}

TensorSet::~TensorSet() {
  for (hbDNNTensor& tensor : tensors_)
    if (tensor.sysMem[0].virAddr) hbSysFreeMem(&tensor.sysMem[0]);
}

hbDNNTensor& TensorSet::add(const hbDNNTensorProperties& properties, uint64_t bytes) {
  hbDNNTensor tensor{};
  tensor.properties = properties;
  if (bytes == 0) bytes = static_cast<uint64_t>(properties.alignedByteSize);
  // A tensor without elements needs an address all the same.
  const uint64_t size = std::max<uint64_t>(bytes, 1);
  if (size > UINT32_MAX) fail(ErrorCode::resources, "a tensor of {} bytes is too large", size);
  tensors_.reserve(tensors_.size() + 1);  // so that nothing throws between allocation and ownership
  check(hbSysAllocCachedMem(&tensor.sysMem[0], static_cast<uint32_t>(size)), "hbSysAllocCachedMem");
  tensors_.push_back(tensor);
  return tensors_.back();
}

void TensorSet::flush(hbSysMemFlushFlag flag) {
  for (hbDNNTensor& tensor : tensors_) check(hbSysFlushMem(&tensor.sysMem[0], flag), "hbSysFlushMem");
}

void set_core_threads(int threads) {
  for (int32_t core : {HB_BPU_CORE_0, HB_BPU_CORE_1})
    check(openhbSetCoreThreads(core, threads, 0), "openhbSetCoreThreads");
}

void run(const ModelHandle& model, Frame& frame, int core_id) {
  hbDNNInferCtrlParam control;
  HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&control);
  control.bpuCoreId = core_id;
  hbDNNTaskHandle_t task = nullptr;
  hbDNNTensor* outputs = frame.outputs.data();
  if (frame.rois.empty())
    check(hbDNNInfer(&task, &outputs, frame.inputs.data(), model.handle, &control), "hbDNNInfer");
  else
    check(hbDNNRoiInfer(&task, &outputs, frame.inputs.data(), frame.rois.data(),
                        static_cast<int32_t>(frame.rois.size()), model.handle, &control),
          "hbDNNRoiInfer");
  try {
    check(hbDNNWaitTaskDone(task, 0), "hbDNNWaitTaskDone");
  } catch (...) {
    hbDNNReleaseTask(task);  // after the sentence of the failure was read
    throw;
  }
  check(hbDNNReleaseTask(task), "hbDNNReleaseTask");
}

}  // namespace openhb::model_exec
