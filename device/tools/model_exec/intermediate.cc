// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/intermediate.h"

#include "common/io/file.h"
#include "device/dnn/environment.h"

namespace openhb::model_exec {

void run_observed(const std::shared_ptr<dnn::FileObserver>& observer, const ModelHandle& model, Frame& frame,
                  int core_id) {
  {
    const dnn::ScopedObserver scope(observer);
    run(model, frame, core_id);
  }
  if (const auto error = observer->error()) throw *error;
}

dnn::DumpIndex run_with_dump(const Options& options, const ModelHandle& model, Frame& frame) {
  ensure_directory(options.dump_path);
  const auto dumper =
      std::make_shared<dnn::TensorDumper>(dnn::DumpOptions{.folder = options.dump_path,
                                                           .level = options.dump_intermediate,
                                                           .real = options.hybrid_dequantize_process,
                                                           .precision = options.dump_precision,
                                                           .txt_axis = options.dump_txt_axis});
  run_observed(dumper, model, frame, options.core_id);
  return dumper->index();
}

}  // namespace openhb::model_exec
