// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/dnn/dump.h"
#include "device/tools/model_exec/options.h"
#include "device/tools/model_exec/runtime.h"

namespace openhb::model_exec {

// Runs the frame once and dumps its tensors as --dump_intermediate says; gives what was dumped. Throws Error.
dnn::DumpIndex run_with_dump(const Options& options, const ModelHandle& model, Frame& frame);

// Runs the frame while `observer` writes files. Throws its Error.
void run_observed(const std::shared_ptr<dnn::FileObserver>& observer, const ModelHandle& model, Frame& frame,
                  int core_id);

}  // namespace openhb::model_exec
