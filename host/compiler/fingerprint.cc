// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/fingerprint.h"

#include <concepts>
#include <type_traits>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace openhb::compiler {
namespace {

std::string hexadecimal(const XXH128_hash_t& hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

// Lengths are hashed with the contents, so that no two graphs look alike in a row.
class Hasher {
 public:
  Hasher() { XXH3_128bits_reset(&state_); }
  std::string digest() const { return hexadecimal(XXH3_128bits_digest(&state_)); }

  template <class T>
    requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void add(T value) {
    XXH3_128bits_update(&state_, &value, sizeof value);
  }
  void add(std::span<const std::byte> bytes) {
    add(bytes.size());
    XXH3_128bits_update(&state_, bytes.data(), bytes.size());
  }
  void add(const std::string& text) { add(std::as_bytes(std::span(text))); }
  template <class T>
  void add(const std::vector<T>& values) {
    add(values.size());
    for (const T& value : values) add(value);
  }
  void add(const Tensor& tensor) {
    add(tensor.dtype());
    add(tensor.shape());
    add(tensor.bytes());
  }
  void add(const QuantParams& quant) {
    add(quant.scales);
    add(quant.zero_points);
    add(quant.axis);
  }
  void add(const graph::Value* value) {
    add(value != nullptr);
    if (value) add(value->name);
  }
  void add(const std::shared_ptr<const graph::Subgraph>& subgraph) {
    add(subgraph->captures);
    add(subgraph->graph);
  }

  void add(const graph::Graph& g) {
    add(g.name);
    add(g.opset);
    add(g.max_folded);
    add(g.values().size());
    for (const auto& value : g.values()) {
      add(value->name);
      add(value->dtype);
      add(value->onnx_type);
      add(value->shape);
      add(value->codes);
      add(value->quant.has_value());
      if (value->quant) add(*value->quant);
      add(value->range_lo);
      add(value->range_hi);
      add(value->is_constant());
      if (value->is_constant()) add(*value->constant);
    }
    add(g.nodes().size());
    for (const auto& node : g.nodes()) {
      for (const std::string* text : {&node->name, &node->op, &node->domain}) add(*text);
      add(node->int8);
      add(node->inputs);
      add(node->outputs);
      add(node->attributes.size());
      for (const auto& [name, attribute] : node->attributes) {
        add(name);
        add(attribute.index());
        std::visit([&](const auto& value) { add(value); }, attribute);
      }
    }
    add(g.inputs);
    add(g.outputs);
  }

 private:
  XXH3_state_t state_;
};

}  // namespace

std::string fingerprint(const graph::Graph& graph) {
  Hasher hasher;
  hasher.add(graph);
  return hasher.digest();
}

std::string fingerprint(std::span<const std::byte> bytes) {
  return hexadecimal(XXH3_128bits(bytes.data(), bytes.size()));
}

}  // namespace openhb::compiler
