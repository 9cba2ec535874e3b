// SPDX-License-Identifier: Apache-2.0
#include "device/engine/model.h"

#include "common/program/file.h"
#include "device/kernels/steps.h"

namespace openhb::engine {

Model::Model(Program program) : program_(std::move(program)) {
  validate_tensors(program_);
  costs_.reserve(program_.steps.size());
  for (const Step& step : program_.steps) {
    const StepView view(program_, step);
    std::visit(
        [&]<class P>(const P& params) {
          static_assert(StepKernel<P>);
          Kernel<P>::validate(view, params);
          costs_.push_back(Kernel<P>::cost(view, params));
        },
        step.params);
  }
}

std::shared_ptr<const Model> Model::create(Program program) {
  return std::shared_ptr<const Model>(new Model(std::move(program)));
}

std::shared_ptr<const Model> Model::open(const std::string& path) {
  Program program = read_program(path);
  try {
    return create(std::move(program));
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("cannot load '{}': {}", path, e.what()));
  }
}

}  // namespace openhb::engine
