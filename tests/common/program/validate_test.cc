// SPDX-License-Identifier: Apache-2.0
// One wrong thing at a time; each must be refused with its code, also when it was written by a hostile
// compiler.
#include <functional>

#include "common/program/container.h"
#include "common/program/file.h"
#include "tests/common/program/random_program.h"

namespace openhb {
namespace {

// in [1,4,4,3] (NHWC) -> conv with weights -> out, quantized per channel.
Program sound() {
  Program p;
  p.name = "sound";
  const auto tensor = [&](const char* name, Shape dims, Storage storage, uint64_t offset) {
    TensorDesc t;
    t.name = name;
    t.dims = std::move(dims);
    t.pitch = t.dims.back();
    for (size_t k = 0; k < t.rank(); ++k) t.order.push_back(static_cast<uint8_t>(k));
    t.storage = storage;
    t.offset = offset;
    t.dtype = DType::i8;
    p.tensors.push_back(t);
  };
  tensor("in", {1, 4, 4, 3}, Storage::arena, 0);
  tensor("w", {1, 1, 9, 1, 16, 4}, Storage::weights, 0);
  tensor("out", {1, 4, 4, 3}, Storage::arena, 64);
  p.tensors[2].quant = {{0.5f, 0.25f, 2.0f}, {0, -128, 127}, 3};
  p.steps.push_back({ConvParams{}, "conv", {0, 1}, {2}, {2}, Backend::bpu, 0});
  p.inputs = {{"in", 0, InputKind::featuremap, false}};
  p.outputs = {{"out", 2}};
  p.arena_size = 64 + 48 + kReadSlack;
  auto weights = std::shared_ptr<std::byte[]>(new (std::align_val_t{64}) std::byte[640]{}, [](std::byte* b) {
    ::operator delete[](b, std::align_val_t{64});
  });
  p.weights = {weights.get(), 640};
  p.weights_owner = weights;
  return p;
}

ErrorCode verdict(const Program& p) {
  try {
    validate_tensors(p);
  } catch (const Error& e) {
    return e.code();
  }
  return ErrorCode{0};
}

struct Case {
  const char* what;
  ErrorCode code;
  std::function<void(Program&)> damage;
};

void nv12(Program& p, const Shape& dims) {
  p.inputs[0].kind = InputKind::nv12;
  p.tensors[0].dtype = DType::u8;
  p.tensors[0].dims = dims;
  p.tensors[0].pitch = dims.back();
}

constexpr auto kTensor = ErrorCode::program_tensor;
constexpr auto kStep = ErrorCode::program_step;
constexpr auto kFormat = ErrorCode::program_format;

const Case kCases[] = {
    {"nine dimensions", kTensor, [](Program& p) { p.tensors[0].dims.assign(9, 1); }},
    {"negative extent", kTensor, [](Program& p) { p.tensors[0].dims[1] = -1; }},
    {"extent of 2^31", kTensor, [](Program& p) { p.tensors[0].dims[1] = int64_t{1} << 31; }},
    {"overflowing product", kTensor, [](Program& p) { p.tensors[0].dims = {1 << 30, 1 << 30, 1 << 30, 3}; }},
    {"overflow hidden by a zero", kTensor,
     [](Program& p) {
       p.tensors[0].dims = {0, 2147483647, 2147483647, 2147483647};
       p.tensors[0].pitch = 2147483647;
     }},
    {"pitch below a row", kTensor, [](Program& p) { p.tensors[0].pitch = 2; }},
    {"huge pitch", kTensor, [](Program& p) { p.tensors[0].pitch = int64_t{1} << 62; }},
    {"order too short", kTensor, [](Program& p) { p.tensors[0].order.pop_back(); }},
    {"order repeats", kTensor, [](Program& p) { p.tensors[0].order[0] = 1; }},
    {"order beyond the rank", kTensor, [](Program& p) { p.tensors[0].order[0] = 200; }},
    {"end of the arena", kTensor, [](Program& p) { p.arena_size -= 1; }},
    {"offset beyond the arena", kTensor, [](Program& p) { p.tensors[0].offset = uint64_t{1} << 63; }},
    {"offset wraps", kTensor, [](Program& p) { p.tensors[0].offset = ~uint64_t{0} - 40; }},
    {"end of the weights", kTensor, [](Program& p) { p.weights = p.weights.first(639); }},
    {"no slack after weights", kTensor, [](Program& p) { p.tensors[1].offset = 64; }},
    {"weights not aligned to 64", kTensor,
     [](Program& p) {
       p.tensors[1].offset = 32;
       p.tensors[1].dims[2] = 1;
     }},
    {"element not aligned", kTensor,
     [](Program& p) {
       p.tensors[0].dtype = DType::f32;
       p.tensors[0].dims = {2};
       p.tensors[0].order = {0};
       p.tensors[0].offset = 2;
     }},
    {"unknown type", kTensor, [](Program& p) { p.tensors[0].dtype = static_cast<DType>(12); }},
    {"unknown storage", kTensor, [](Program& p) { p.tensors[0].storage = static_cast<Storage>(2); }},
    {"scale 0", kTensor, [](Program& p) { p.tensors[2].quant.scales[1] = 0; }},
    {"negative scale", kTensor, [](Program& p) { p.tensors[2].quant.scales[1] = -1; }},
    {"infinite scale", kTensor, [](Program& p) { p.tensors[2].quant.scales[1] = INFINITY; }},
    {"scale not a number", kTensor, [](Program& p) { p.tensors[2].quant.scales[1] = NAN; }},
    {"zero point of another type", kTensor, [](Program& p) { p.tensors[2].quant.zero_points[1] = 128; }},
    {"fewer zero points", kTensor, [](Program& p) { p.tensors[2].quant.zero_points.pop_back(); }},
    {"fewer scales than channels", kTensor, [](Program& p) { p.tensors[2].quant = {{1, 1}, {0, 0}, 3}; }},
    {"scales without a dimension", kTensor, [](Program& p) { p.tensors[2].quant.axis = -1; }},
    {"dimension of scales beyond the rank", kTensor, [](Program& p) { p.tensors[2].quant.axis = 4; }},
    {"two tensors of a name", kTensor, [](Program& p) { p.tensors[2].name = "in"; }},
    {"step reads no tensor", kStep, [](Program& p) { p.steps[0].inputs[1] = 3; }},
    {"step writes no tensor", kStep, [](Program& p) { p.steps[0].outputs[0] = ~0u; }},
    {"step writes weights", kStep, [](Program& p) { p.steps[0].outputs[0] = 1; }},
    {"step without output", kStep, [](Program& p) { p.steps[0].outputs.clear(); }},
    {"step of 2000 inputs", kStep, [](Program& p) { p.steps[0].inputs.assign(2000, 0); }},
    {"step completes no tensor", kStep, [](Program& p) { p.steps[0].completes[0] = 3; }},
    {"subgraph", kStep, [](Program& p) { p.steps[0].subgraph = -2; }},
    {"no output", kFormat, [](Program& p) { p.outputs.clear(); }},
    {"2000 outputs", kFormat, [](Program& p) { p.outputs.assign(2000, {"out", 2}); }},
    {"input without tensor", kFormat, [](Program& p) { p.inputs[0].tensor = 9; }},
    {"input in the weights", kFormat, [](Program& p) { p.inputs[0].tensor = 1; }},
    {"picture of int8", kFormat, [](Program& p) { p.inputs[0].kind = InputKind::rgb; }},
    {"source of input", kFormat, [](Program& p) { p.inputs[0].source = InputSource{3}; }},
    {"resizer of features", kFormat, [](Program& p) { p.inputs[0].source = InputSource::resizer; }},
    {"video range of features", kFormat, [](Program& p) { p.inputs[0].bt601_video = true; }},
    {"nv12 of another shape", kFormat, [](Program& p) { nv12(p, {1, 4, 3, 4}); }},
    {"nv12 of odd height", kFormat, [](Program& p) { nv12(p, {1, 1, 4, 4}); }},
    {"nv12 of odd width", kFormat, [](Program& p) { nv12(p, {1, 1, 6, 5}); }},
    {"nv12 of NHWC", kFormat, [](Program& p) { nv12(p, {1, 1, 6, 4}), p.inputs[0].nhwc = true; }},
    {"nv12 in another order", kFormat,
     [](Program& p) { nv12(p, {1, 1, 6, 4}), p.tensors[0].order = {0, 2, 1, 3}; }},
    {"output without tensor", kFormat, [](Program& p) { p.outputs[0].tensor = 9; }},
    {"two outputs of a name", kFormat, [](Program& p) { p.outputs.push_back(p.outputs[0]); }},
    {"output without name", kFormat, [](Program& p) { p.outputs[0].name.clear(); }},
    {"arena of 17 GiB", kFormat, [](Program& p) { p.arena_size = uint64_t{17} << 30; }},
    {"unaligned weights", kFormat, [](Program& p) { p.weights = p.weights.subspan(1); }},
};

TEST(ValidateTensors, AcceptsASoundProgram) { EXPECT_EQ(verdict(sound()), ErrorCode{0}); }

TEST(ValidateTensors, AcceptsNv12) {
  Program p = sound();
  nv12(p, {1, 1, 6, 4});
  p.inputs[0].source = InputSource::resizer;
  p.inputs[0].bt601_video = true;
  EXPECT_EQ(verdict(p), ErrorCode{0});
}

TEST(ValidateTensors, AcceptsAProgramWithoutInputs) {
  Program p = sound();
  p.inputs.clear();
  EXPECT_EQ(verdict(p), ErrorCode{0});
}

TEST(ValidateTensors, RefusesOneWrongThing) {
  for (const Case& c : kCases) {
    Program p = sound();
    c.damage(p);
    EXPECT_EQ(verdict(p), c.code) << c.what;
    EXPECT_THROW(serialize_program(p), Error) << c.what;
  }
}

// The same through a file, whose writer did not look.
TEST(ValidateTensors, ReaderRefusesTheSame) {
  for (const Case& c : kCases) {
    Program p = sound();
    c.damage(p);
    const auto bytes = container::assemble(encode_metadata(p), p.weights);
    if (std::string_view(c.what) == "unaligned weights") continue;  // a file's weights are where they are
    EXPECT_THROW(parse_program(bytes, nullptr), Error) << c.what;
  }
}

}  // namespace
}  // namespace openhb
