// SPDX-License-Identifier: Apache-2.0
#include "device/dnn/log.h"
#include "device/plugin/registry.h"

extern "C" int32_t hbDNNRegisterLayerCreator(const openhb_op* op) {
  using namespace openhb;
  return dnn::guarded("Plugin", [op] {
    try {
      plugin::add_operator(op);
      return HB_DNN_SUCCESS + 0;
    } catch (const Error& e) {
      return OPENHB_REPORT(HB_DNN_INVALID_ARGUMENT, "Plugin", "{}", e.what());
    }
  });
}
