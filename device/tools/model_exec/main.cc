// SPDX-License-Identifier: Apache-2.0
// hrt_model_exec: shows and runs compiled models.
#include <cstdio>
#include <exception>
#include <new>

#include "common/error.h"
#include "device/tools/model_exec/infer.h"
#include "device/tools/model_exec/model_info.h"
#include "device/tools/model_exec/perf.h"

namespace {

using namespace openhb;

void run(int argc, char** argv) {
  const model_exec::CommandLine line = model_exec::parse_command_line(argc, argv);
  for (const std::string& note : line.notes) fmt::print(stderr, "note: {}\n", note);
  std::fputs(line.text.c_str(), stdout);
  if (line.options) {
    const auto models = model_exec::load_models(*line.options);
    if (line.options->mode == model_exec::Mode::model_info)
      std::fputs(model_exec::model_info(models, line.options->model_name).c_str(), stdout);
    else if (line.options->mode == model_exec::Mode::perf)
      model_exec::perf(*line.options, models, stdout);
    else
      model_exec::infer(*line.options, models, stdout);
  }
  if (std::fflush(stdout) != 0) fail(ErrorCode::file_unwritable, "cannot write to the standard output");
}

int report(ErrorCode code, const std::string& sentence) {
  std::fflush(stdout);
  fmt::print(stderr, "{}\n", Error(code, sentence).text());
  return code == ErrorCode::usage ? 2 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc, argv);
    return 0;
  } catch (const Error& e) {
    return report(e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return report(ErrorCode::resources, "out of memory");
  } catch (const std::exception& e) {
    return report(ErrorCode::internal, e.what());
  }
}
