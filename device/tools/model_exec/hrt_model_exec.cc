// SPDX-License-Identifier: Apache-2.0
// hrt_model_exec: shows, runs and measures compiled models.
#include "device/tools/model_exec/tool.h"

int main(int argc, char** argv) {
  return openhb::model_exec::run_tool(openhb::model_exec::Tool::model_exec, argc, argv);
}
