// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <new>

#include "common/io/file.h"
#include "common/program/container.h"
#include "common/program/file.h"
#include "common/program/param_reader.h"

namespace openhb {
namespace {

constexpr size_t kMaxMetadata = 1u << 30;   // FlatBuffers cannot exceed 2 GiB
constexpr uint32_t kMaxTables = 1'000'000;  // verified; more only costs time
constexpr uint32_t kMaxDepth = 16;          // the schema needs 4

[[noreturn]] void damaged(std::string_view what) {
  fail(ErrorCode::program_format, "{}; the file is damaged or was not made by this compiler", what);
}

// Tries the alternatives of StepParams one after the other; false: no step has this kind.
template <size_t I = 0>
bool read_params(const fb::Step& from, Budget& budget, StepParams& to) {
  if constexpr (I == std::variant_size_v<StepParams>) {
    return false;
  } else {
    using P = std::variant_alternative_t<I, StepParams>;
    if (from.kind() != P::kId) return read_params<I + 1>(from, budget, to);
    if (from.kind_name()->string_view() != P::kName)
      damaged("a step's number and name do not belong together");
    P params;
    ParamReader reader(from, budget);
    P::visit(params, reader);
    reader.finish();
    to = std::move(params);
    return true;
  }
}

template <class Enum>
Enum read_enum(uint8_t value, Enum last, std::string_view what) {
  if (value > static_cast<uint8_t>(last)) damaged(fmt::format("{} has the unknown value {}", what, value));
  return static_cast<Enum>(value);
}

TensorDesc read_tensor(const fb::Tensor& from, Budget& budget) {
  TensorDesc t;
  t.name = budget.text(from.name());
  t.dtype = read_enum(from.dtype(), DType::boolean, "an element type");
  t.dims = budget.values(from.dims());
  t.order = budget.values(from.order());
  t.pitch = from.pitch();
  t.storage = read_enum(from.storage(), Storage::weights, "a storage");
  t.offset = from.offset();
  t.quant = {budget.values(from.scales()), budget.values(from.zero_points()), from.axis()};
  return t;
}

Step read_step(const fb::Step& from, Budget& budget) {
  Step step;
  if (!read_params(from, budget, step.params))
    fail(ErrorCode::program_step,
         "step '{}' (number {}) of node '{}' is not known to this program; update the runtime",
         from.kind_name()->string_view(), from.kind(), budget.text(from.node()));
  step.node = budget.text(from.node());
  step.inputs = budget.values(from.inputs());
  step.outputs = budget.values(from.outputs());
  step.completes = budget.values(from.completes());
  step.backend = read_enum(from.backend(), Backend::bpu, "a backend");
  step.subgraph = from.subgraph();
  return step;
}

// Calls fn with every table of a vector that may be absent.
template <class T, class Fn>
void for_each(const flatbuffers::Vector<flatbuffers::Offset<T>>* v, Fn fn) {
  if (!v) return;
  for (const T* item : *v) fn(*item);
}

std::shared_ptr<std::byte[]> aligned_copy(std::span<const std::byte> bytes) {
  constexpr std::align_val_t alignment{kTensorAlignment};
  std::shared_ptr<std::byte[]> copy(static_cast<std::byte*>(::operator new(bytes.size() + 1, alignment)),
                                    [](std::byte* p) { ::operator delete(p, alignment); });
  if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
  return copy;
}

}  // namespace

Program decode_metadata(std::span<const std::byte> metadata) {
  const auto* data = reinterpret_cast<const uint8_t*>(metadata.data());
  if (metadata.size() < 16 || metadata.size() > kMaxMetadata)
    damaged(fmt::format("the metadata has {} bytes", metadata.size()));
  flatbuffers::Verifier verifier(data, metadata.size(), kMaxDepth, kMaxTables);
  if (!fb::VerifyProgramBuffer(verifier)) damaged("the metadata is not consistent");
  const fb::Program& from = *fb::GetProgram(data);

  Program program;
  Budget budget(metadata.size());
  program.name = budget.text(from.name());
  program.arena_size = from.arena_size();
  for_each(from.properties(), [&](const fb::Property& p) {
    const std::string key = budget.text(p.key());
    if (!program.properties.empty() && key <= program.properties.rbegin()->first)
      damaged("the properties are not sorted");
    program.properties.emplace(key, budget.text(p.value()));
  });
  for_each(from.tensors(), [&](const fb::Tensor& t) { program.tensors.push_back(read_tensor(t, budget)); });
  for_each(from.steps(), [&](const fb::Step& s) { program.steps.push_back(read_step(s, budget)); });
  for_each(from.inputs(), [&](const fb::Input& i) {
    const auto kind = read_enum(i.kind(), InputKind::nv12, "a kind of input");
    const auto source = read_enum(i.source(), InputSource::resizer, "a source of input");
    program.inputs.push_back({budget.text(i.name()), i.tensor(), kind, i.nhwc(), source, i.bt601_video()});
  });
  for_each(from.outputs(),
           [&](const fb::Output& o) { program.outputs.push_back({budget.text(o.name()), o.tensor()}); });
  return program;
}

Program parse_program(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                      container::Checksums checksums) {
  if (!owner || reinterpret_cast<uintptr_t>(bytes.data()) % kTensorAlignment != 0) {
    const auto copy = aligned_copy(bytes);
    bytes = {copy.get(), bytes.size()};
    owner = copy;
  }
  const container::Sections sections = container::parse(bytes, checksums);
  Program program = decode_metadata(sections.metadata);
  program.weights = sections.weights;
  program.weights_owner = std::move(owner);
  validate_tensors(program);
  return program;
}

Program parse_program(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  return parse_program(bytes, std::move(owner), container::Checksums::verify);
}

Program read_program(const std::string& path) {
  const auto file = MappedFile::open(path);
  try {
    return parse_program(file->bytes(), file);
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("cannot load '{}': {}", path, e.what()));
  }
}

}  // namespace openhb
