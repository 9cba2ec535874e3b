// SPDX-License-Identifier: Apache-2.0
// hrt_bin_dump: writes what the convolutions of a model compute.
#include "device/tools/model_exec/tool.h"

int main(int argc, char** argv) {
  return openhb::model_exec::run_tool(openhb::model_exec::Tool::bin_dump, argc, argv);
}
