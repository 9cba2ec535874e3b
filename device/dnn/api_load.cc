// SPDX-License-Identifier: Apache-2.0
// Loading, names and properties.
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include "common/io/file.h"
#include "common/program/pack.h"
#include "device/dnn/environment.h"
#include "device/dnn/library.h"
#include "device/dnn/scheduler.h"
#include "dnn/hb_dnn.h"
#include "dnn/hb_dnn_ext.h"

namespace openhb::dnn {
namespace {

using EngineModel = std::shared_ptr<const engine::Model>;

// Models that are loaded from the same file share everything but arenas. A file is known by what the system
// says of it: one that was replaced is another one.
class FileCache {
 public:
  static FileCache& get() {
    static FileCache& cache = *new FileCache;
    return cache;
  }

  std::vector<EngineModel> load(const std::string& path) {
    struct stat s{};
    const bool known = ::stat(path.c_str(), &s) == 0;
    const Key key{s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
    const std::lock_guard lock(mutex_);
    if (const auto found = files_.find(key); known && found != files_.end()) {
      std::vector<EngineModel> models;
      for (const auto& weak : found->second)
        if (EngineModel model = weak.lock()) models.push_back(std::move(model));
      if (models.size() == found->second.size()) return models;
    }
    std::vector<EngineModel> models = create(read_programs(path), path);
    std::erase_if(files_, [](const auto& file) {
      return std::ranges::any_of(file.second, [](const auto& weak) { return weak.expired(); });
    });
    // First the list, then its place: a place without models would be taken for a file without models.
    std::vector<std::weak_ptr<const engine::Model>> list(models.begin(), models.end());
    files_.insert_or_assign(key, std::move(list));
    return models;
  }

  static std::vector<EngineModel> create(std::vector<Program> programs, const std::string& source) {
    std::vector<EngineModel> models;
    for (Program& program : programs) {
      const std::string name = program.name;
      try {
        models.push_back(engine::Model::create(std::move(program)));
      } catch (const Error& e) {
        throw Error(e.code(), fmt::format("cannot load model '{}' of {}: {}", name, source, e.what()));
      }
    }
    return models;
  }

 private:
  using Key = std::tuple<dev_t, ino_t, off_t, time_t, long>;
  std::mutex mutex_;
  std::map<Key, std::vector<std::weak_ptr<const engine::Model>>> files_;
};

int32_t open_package(hbPackedDNNHandle_t* handle, const std::vector<EngineModel>& loaded) {
  install_environment_observers();
  auto package = packages().take();
  if (!package)
    refuse(HB_DNN_MODEL_NUMBER_EXCEED_LIMIT, "{} packages of models are loaded; release some first",
           kMaxPackages);
  for (const EngineModel& model : loaded) {
    if (std::ranges::find(package->names, model->program().name) != package->names.end())
      refuse(HB_DNN_INVALID_ARGUMENT, "two models are named '{}'; names must differ within one load",
             model->program().name);
    package->names.push_back(model->program().name);
    ModelRef ref = models().take();
    if (!ref)
      refuse(HB_DNN_MODEL_NUMBER_EXCEED_LIMIT, "{} models are loaded; release some first", kMaxModels);
    ref->model = std::make_unique<LoadedModel>(model);
    package->models.push_back(std::move(ref));
    package->handles.push_back(nullptr);
  }
  for (const std::string& name : package->names) package->name_list.push_back(name.c_str());
  for (size_t i = 0; i < package->models.size(); ++i) package->handles[i] = models().open(package->models[i]);
  *handle = packages().open(package);
  package.release();  // until hbDNNRelease
  return HB_DNN_SUCCESS;
}

PackageTable::Ref find_package(const void* handle) {
  auto ref = packages().acquire(handle);
  if (!ref)
    refuse_handle(packages(), handle, HB_DNN_INVALID_PACKED_DNN_HANDLE, "packed handle",
                  "hbDNNInitializeFrom*");
  return ref;
}

template <class Ports>
const auto& port_at(const Ports& ports, int32_t index, const std::string& model, const char* what) {
  if (index < 0 || static_cast<size_t>(index) >= ports.size())
    refuse(HB_DNN_INVALID_ARGUMENT, "model '{}' has {} {}s; there is no {} {}", model, ports.size(), what,
           what, index);
  return *ports[static_cast<size_t>(index)];
}

}  // namespace
}  // namespace openhb::dnn

using namespace openhb;
using namespace openhb::dnn;

extern "C" {

const char* hbDNNGetVersion(void) { return "1.1.0_(" OPENHB_VERSION " OpenHB)"; }

int32_t hbDNNInitializeFromFiles(hbPackedDNNHandle_t* packedDNNHandle, const char** modelFileNames,
                                 int32_t modelFileCount) {
  return guarded("Model", [&] {
    require_pointer(packedDNNHandle, "packedDNNHandle");
    require_pointer(modelFileNames, "modelFileNames");
    if (modelFileCount < 1)
      refuse(HB_DNN_INVALID_ARGUMENT, "modelFileCount is {}; give one file or more", modelFileCount);
    std::vector<EngineModel> loaded;
    for (int32_t i = 0; i < modelFileCount; ++i) {
      require_pointer(modelFileNames[i], "a name in modelFileNames");
      std::ranges::move(FileCache::get().load(modelFileNames[i]), std::back_inserter(loaded));
    }
    return open_package(packedDNNHandle, loaded);
  });
}

int32_t hbDNNInitializeFromDDR(hbPackedDNNHandle_t* packedDNNHandle, const void** modelData,
                               int32_t* modelDataLengths, int32_t modelDataCount) {
  return guarded("Model", [&] {
    require_pointer(packedDNNHandle, "packedDNNHandle");
    require_pointer(modelData, "modelData");
    require_pointer(modelDataLengths, "modelDataLengths");
    if (modelDataCount < 1)
      refuse(HB_DNN_INVALID_ARGUMENT, "modelDataCount is {}; give one model or more", modelDataCount);
    std::vector<EngineModel> loaded;
    for (int32_t i = 0; i < modelDataCount; ++i) {
      require_pointer(modelData[i], "a pointer in modelData");
      if (modelDataLengths[i] < 1)
        refuse(HB_DNN_INVALID_ARGUMENT, "modelDataLengths[{}] is {}", i, modelDataLengths[i]);
      const std::span bytes(static_cast<const std::byte*>(modelData[i]),
                            static_cast<size_t>(modelDataLengths[i]));
      std::ranges::move(FileCache::create(parse_programs(bytes, nullptr), fmt::format("modelData[{}]", i)),
                        std::back_inserter(loaded));
    }
    return open_package(packedDNNHandle, loaded);
  });
}

int32_t hbDNNRelease(hbPackedDNNHandle_t packedDNNHandle) {
  return guarded("Model", [&] {
    auto package = find_package(packedDNNHandle);
    for (size_t i = 0; i < package->models.size(); ++i) {
      if (models().close(package->models[i], /*sole=*/true)) continue;
      for (size_t k = 0; k < i; ++k) models().reopen(package->models[k]);
      refuse(HB_DNN_MODEL_IS_RUNNING, "model '{}' has tasks; release them first (hbDNNReleaseTask)",
             package->names[i]);
    }
    // Of two threads that release it at the same time the second one did not come here: the models were
    // closed.
    if (packages().close(package)) packages().unpin_value(*package);
    return HB_DNN_SUCCESS;
  });
}

int32_t hbDNNGetModelNameList(const char*** modelNameList, int32_t* modelNameCount,
                              hbPackedDNNHandle_t packedDNNHandle) {
  return guarded("Model", [&] {
    require_pointer(modelNameList, "modelNameList");
    require_pointer(modelNameCount, "modelNameCount");
    const auto package = find_package(packedDNNHandle);
    *modelNameList = package->name_list.data();
    *modelNameCount = static_cast<int32_t>(package->name_list.size());
    return HB_DNN_SUCCESS;
  });
}

int32_t hbDNNGetModelHandle(hbDNNHandle_t* dnnHandle, hbPackedDNNHandle_t packedDNNHandle,
                            const char* modelName) {
  return guarded("Model", [&] {
    require_pointer(dnnHandle, "dnnHandle");
    require_pointer(modelName, "modelName");
    const auto package = find_package(packedDNNHandle);
    const auto found = std::ranges::find(package->names, modelName);
    if (found == package->names.end())
      refuse(HB_DNN_INVALID_ARGUMENT, "there is no model '{}'; loaded are: {}", modelName,
             fmt::join(package->names, ", "));
    const auto i = static_cast<size_t>(found - package->names.begin());
    package->models[i]->model->prepare();
    *dnnHandle = package->handles[i];
    return HB_DNN_SUCCESS;
  });
}

int32_t hbDNNGetInputCount(int32_t* inputCount, hbDNNHandle_t dnnHandle) {
  return guarded("Model", [&] {
    require_pointer(inputCount, "inputCount");
    *inputCount = static_cast<int32_t>(find_model(dnnHandle)->model->inputs().size());
    return HB_DNN_SUCCESS;
  });
}

int32_t hbDNNGetOutputCount(int32_t* outputCount, hbDNNHandle_t dnnHandle) {
  return guarded("Model", [&] {
    require_pointer(outputCount, "outputCount");
    *outputCount = static_cast<int32_t>(find_model(dnnHandle)->model->outputs().size());
    return HB_DNN_SUCCESS;
  });
}

int32_t hbDNNGetInputName(const char** name, hbDNNHandle_t dnnHandle, int32_t inputIndex) {
  return guarded("Model", [&] {
    require_pointer(name, "name");
    const ModelRef model = find_model(dnnHandle);
    *name = port_at(model->model->inputs(), inputIndex, model->model->name(), "input").name().c_str();
    return HB_DNN_SUCCESS;
  });
}

int32_t hbDNNGetOutputName(const char** name, hbDNNHandle_t dnnHandle, int32_t outputIndex) {
  return guarded("Model", [&] {
    require_pointer(name, "name");
    const ModelRef model = find_model(dnnHandle);
    *name = port_at(model->model->outputs(), outputIndex, model->model->name(), "output").name().c_str();
    return HB_DNN_SUCCESS;
  });
}

int32_t hbDNNGetInputTensorProperties(hbDNNTensorProperties* properties, hbDNNHandle_t dnnHandle,
                                      int32_t inputIndex) {
  return guarded("Model", [&] {
    require_pointer(properties, "properties");
    const ModelRef model = find_model(dnnHandle);
    *properties = port_at(model->model->inputs(), inputIndex, model->model->name(), "input").properties();
    return HB_DNN_SUCCESS;
  });
}

int32_t hbDNNGetOutputTensorProperties(hbDNNTensorProperties* properties, hbDNNHandle_t dnnHandle,
                                       int32_t outputIndex) {
  return guarded("Model", [&] {
    require_pointer(properties, "properties");
    const ModelRef model = find_model(dnnHandle);
    *properties = port_at(model->model->outputs(), outputIndex, model->model->name(), "output").properties();
    return HB_DNN_SUCCESS;
  });
}

int32_t hbDNNGetInputSource(int32_t* inputSource, hbDNNHandle_t dnnHandle, int32_t inputIndex) {
  return guarded("Model", [&] {
    require_pointer(inputSource, "inputSource");
    const ModelRef model = find_model(dnnHandle);
    *inputSource = port_at(model->model->inputs(), inputIndex, model->model->name(), "input").source();
    return HB_DNN_SUCCESS;
  });
}

}  // extern "C"
