// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/library.h"

#include "device/dnn/immortal.h"
#include "dnn/hb_dnn_status.h"

namespace openhb::dnn {

void Package::clear() noexcept {
  handles.clear();
  models.clear();
  name_list.clear();
  names.clear();
}

ModelTable& models() noexcept {
  static Immortal<ModelTable> table;
  return table.get();
}

PackageTable& packages() noexcept {
  static Immortal<PackageTable> table;
  return table.get();
}

ModelRef find_model(const void* handle) {
  ModelRef ref = models().acquire(handle);
  if (!ref) refuse_handle(models(), handle, HB_DNN_INVALID_DNN_HANDLE, "model handle", "hbDNNGetModelHandle");
  return ref;
}

void require_pointer(const void* pointer, const char* name) {
  if (!pointer) refuse(HB_DNN_INVALID_ARGUMENT, "{} is null", name);
}

}  // namespace openhb::dnn
