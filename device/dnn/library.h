// SPDX-License-Identifier: Apache-2.0
// What the library holds: loaded models and tasks behind handles. One per process.
#pragma once

#include <memory>
#include <vector>

#include "device/dnn/handle_table.h"
#include "device/dnn/log.h"
#include "device/dnn/model.h"

namespace openhb::dnn {

// A place of the model table.
struct ModelPlace {
  std::unique_ptr<LoadedModel> model;
  void clear() noexcept { model.reset(); }
  LoadedModel* operator->() const { return model.get(); }
};
inline constexpr size_t kMaxModels = 1024, kMaxPackages = 256;
using ModelTable = HandleTable<ModelPlace, kMaxModels, 0x53>;
using ModelRef = ModelTable::Ref;

// The models of one call of hbDNNInitializeFrom*.
struct Package {
  std::vector<std::string> names;
  std::vector<const char*> name_list;
  std::vector<ModelRef> models;
  std::vector<void*> handles;
  void clear() noexcept;
};
using PackageTable = HandleTable<Package, kMaxPackages, 0x51>;

ModelTable& models() noexcept;
PackageTable& packages() noexcept;

// The model behind a handle. Throws Refusal.
ModelRef find_model(const void* handle);

// Throws Refusal for a handle that `table` does not know.
template <class Table>
[[noreturn]] void refuse_handle(const Table& table, const void* handle, int32_t status, const char* what,
                                const char* source) {
  if (table.state(handle) == HandleState::before_fork)
    refuse(HB_DNN_MULTI_PROGRESS_USE_ERROR,
           "the {} {} belongs to the process before fork(); load the model again in this one", what, handle);
  refuse(status, "{} is no {}: it was released, or did not come from {}", handle, what, source);
}

// Throws Refusal for a null pointer.
void require_pointer(const void* pointer, const char* name);

}  // namespace openhb::dnn
