// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <concepts>
#include <type_traits>

#include "common/io/file.h"
#include "common/program/container.h"
#include "common/program/file.h"
#include "program_generated.h"

namespace openhb {
namespace {

constexpr size_t kInitialBytes = 64 * 1024;

// Turns the parameters that a `visit` lists into Param tables, in its order.
class ParamWriter {
 public:
  ParamWriter(flatbuffers::FlatBufferBuilder& builder, const Step& step) : builder_(builder), step_(step) {}

  template <class T>
  void operator()(const char* name, const T& value) {
    ints_.clear();
    floats_.clear();
    bytes_.clear();
    append(name, value);
    const auto ints = ints_.empty() ? 0 : builder_.CreateVector(ints_);
    const auto floats = floats_.empty() ? 0 : builder_.CreateVector(floats_);
    const auto bytes = bytes_.empty() ? 0 : builder_.CreateVector(bytes_);
    params_.push_back(fb::CreateParam(builder_, builder_.CreateSharedString(name), ints, floats, bytes));
  }

  std::vector<flatbuffers::Offset<fb::Param>> take() { return std::move(params_); }

 private:
  template <class T>
    requires std::integral<T> || std::is_enum_v<T>
  void append(const char*, T value) {
    ints_.push_back(static_cast<int64_t>(value));
  }
  template <std::floating_point T>
  void append(const char* name, T value) {
    if (std::isnan(value))
      fail(ErrorCode::program_step, "step {} of node '{}': parameter '{}' is not a number",
           step_name(step_.params), step_.node, name);
    floats_.push_back(static_cast<double>(value));
  }
  void append(const char*, const std::string& text) { bytes_.assign(text.begin(), text.end()); }
  template <class T>
    requires requires(const T& t) { t.begin(); }
  void append(const char*, const T& values) {
    ints_.assign(values.begin(), values.end());
  }

  flatbuffers::FlatBufferBuilder& builder_;
  const Step& step_;
  std::vector<int64_t> ints_;
  std::vector<double> floats_;
  std::vector<uint8_t> bytes_;
  std::vector<flatbuffers::Offset<fb::Param>> params_;
};

flatbuffers::Offset<fb::Tensor> write_tensor(flatbuffers::FlatBufferBuilder& b, const TensorDesc& t) {
  const auto name = b.CreateString(t.name);
  const auto dims = b.CreateVector(t.dims);
  const auto order = b.CreateVector(t.order);
  const auto scales = t.quant.scales.empty() ? 0 : b.CreateVector(t.quant.scales);
  const auto zero_points = t.quant.zero_points.empty() ? 0 : b.CreateVector(t.quant.zero_points);
  return fb::CreateTensor(b, name, static_cast<uint8_t>(t.dtype), dims, order, t.pitch,
                          static_cast<uint8_t>(t.storage), t.offset, scales, zero_points, t.quant.axis);
}

flatbuffers::Offset<fb::Step> write_step(flatbuffers::FlatBufferBuilder& b, const Step& step) {
  ParamWriter writer(b, step);
  const uint16_t kind = std::visit(
      [&](const auto& p) {
        p.visit(p, writer);
        return p.kId;
      },
      step.params);
  const auto params = b.CreateVector(writer.take());
  const auto kind_name = b.CreateSharedString(std::string(step_name(step.params)));
  const auto node = b.CreateSharedString(step.node);
  const auto inputs = b.CreateVector(step.inputs);
  const auto outputs = b.CreateVector(step.outputs);
  const auto completes = step.completes.empty() ? 0 : b.CreateVector(step.completes);
  return fb::CreateStep(b, kind, kind_name, node, inputs, outputs, static_cast<uint8_t>(step.backend),
                        step.subgraph, params, completes);
}

}  // namespace

std::vector<std::byte> encode_metadata(const Program& program) {
  flatbuffers::FlatBufferBuilder b(kInitialBytes);
  std::vector<flatbuffers::Offset<fb::Property>> properties;
  for (const auto& [key, value] : program.properties)
    properties.push_back(fb::CreatePropertyDirect(b, key.c_str(), value.c_str()));
  std::vector<flatbuffers::Offset<fb::Tensor>> tensors;
  for (const auto& t : program.tensors) tensors.push_back(write_tensor(b, t));
  std::vector<flatbuffers::Offset<fb::Step>> steps;
  for (const auto& s : program.steps) steps.push_back(write_step(b, s));
  std::vector<flatbuffers::Offset<fb::Input>> inputs;
  for (const auto& i : program.inputs)
    inputs.push_back(fb::CreateInput(b, b.CreateString(i.name), i.tensor, static_cast<uint8_t>(i.kind),
                                     i.nhwc, static_cast<uint8_t>(i.source), i.bt601_video));
  std::vector<flatbuffers::Offset<fb::Output>> outputs;
  for (const auto& o : program.outputs)
    outputs.push_back(fb::CreateOutput(b, b.CreateString(o.name), o.tensor));

  // Argument evaluation has no order in C++; the bytes must have one.
  const auto name = b.CreateString(program.name);
  const auto property_vector = b.CreateVector(properties);
  const auto tensor_vector = b.CreateVector(tensors);
  const auto step_vector = b.CreateVector(steps);
  const auto input_vector = b.CreateVector(inputs);
  const auto output_vector = b.CreateVector(outputs);
  b.Finish(fb::CreateProgram(b, name, property_vector, tensor_vector, step_vector, input_vector,
                             output_vector, program.arena_size),
           fb::ProgramIdentifier());
  const auto bytes = std::as_bytes(std::span(b.GetBufferPointer(), b.GetSize()));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> serialize_program(const Program& program) {
  validate_tensors(program);  // what the reader would refuse is not written
  return container::assemble(encode_metadata(program), program.weights);
}

void write_program(const std::string& path, const Program& program) {
  write_file_atomically(path, serialize_program(program));
}

}  // namespace openhb
