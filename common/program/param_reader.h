// SPDX-License-Identifier: Apache-2.0
// Reads the parameters of a step from FlatBuffer tables. Internal to common/program.
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/error.h"
#include "program_generated.h"

namespace openhb {

// Copies out of the metadata, limited in sum: FlatBuffers may refer to one vector any number of times, so
// that a small file could otherwise ask for any amount of memory.
class Budget {
 public:
  explicit Budget(size_t metadata_bytes) : left_(16 * metadata_bytes + (1u << 20)) {}

  std::string text(const flatbuffers::String* s) {
    if (!s) return {};
    spend(s->size());
    return s->str();
  }
  // std::vector of a vector that may be absent.
  template <class T>
  std::vector<T> values(const flatbuffers::Vector<T>* v) {
    if (!v) return {};
    spend(v->size() * sizeof(T));
    // The verifier does not check the alignment of a vector's elements; bytes need none.
    std::vector<T> result(v->size());
    if (!result.empty()) std::memcpy(result.data(), v->Data(), result.size() * sizeof(T));
    return result;
  }

 private:
  void spend(size_t bytes) {
    if (bytes > left_)
      fail(ErrorCode::program_format,
           "the metadata repeats itself too often; the file was not made by this compiler");
    left_ -= bytes;
  }
  size_t left_;
};

// Gives every parameter that a `visit` lists its value from the Param tables, each exactly once.
class ParamReader {
 public:
  ParamReader(const fb::Step& step, Budget& budget) : step_(step), budget_(budget) {
    if (!step.params()) return;
    if (step.params()->size() > kMaxParams) bad("", "is one of too many");
    for (const fb::Param* p : *step.params())
      if (!params_.emplace(p->name()->string_view(), p).second)
        bad(p->name()->string_view(), "is there twice");
  }

  template <class T>
  void operator()(std::string_view name, T& value) {
    const auto found = params_.find(name);
    if (found == params_.end()) bad(name, "is missing");
    const fb::Param& param = *found->second;
    params_.erase(found);
    const auto ints = budget_.values(param.ints());
    const auto floats = budget_.values(param.floats());
    const auto bytes = budget_.values(param.bytes());
    constexpr bool text = std::same_as<T, std::string>, real = std::floating_point<T>;
    if ((!text && !bytes.empty()) || (!real && !floats.empty()) || ((text || real) && !ints.empty()))
      bad(name, "has values of the wrong type");
    if constexpr (text)
      value.assign(bytes.begin(), bytes.end());
    else
      read(name, ints, floats, value);
  }

  void finish() const {
    if (!params_.empty()) bad(params_.begin()->first, "is not known");
  }

 private:
  [[noreturn]] void bad(std::string_view name, std::string_view what) const {
    fail(ErrorCode::program_step,
         "step {} of node '{}': parameter '{}' {}; the file is damaged or was not made by this compiler",
         step_.kind_name()->string_view(), step_.node() ? step_.node()->string_view() : std::string_view(),
         name, what);
  }
  void require_count(std::string_view name, size_t found, size_t expected) const {
    if (found != expected) bad(name, fmt::format("has {} values, {} are needed", found, expected));
  }
  template <std::integral T>
  T narrowed(std::string_view name, int64_t v) const {
    if (!std::in_range<T>(v)) bad(name, fmt::format("is {}, out of range", v));
    return static_cast<T>(v);
  }

  template <std::integral T>
  void read(std::string_view name, const std::vector<int64_t>& ints, const std::vector<double>&,
            T& value) const {
    require_count(name, ints.size(), 1);
    value = narrowed<T>(name, ints[0]);
  }
  // The upper end of an enumeration is its step's to check.
  template <class T>
    requires std::is_enum_v<T>
  void read(std::string_view name, const std::vector<int64_t>& ints, const std::vector<double>&,
            T& value) const {
    require_count(name, ints.size(), 1);
    const auto number = narrowed<std::underlying_type_t<T>>(name, ints[0]);
    if (number < 0) bad(name, "is negative");
    value = static_cast<T>(number);
  }
  template <std::floating_point T>
  void read(std::string_view name, const std::vector<int64_t>&, const std::vector<double>& floats,
            T& value) const {
    require_count(name, floats.size(), 1);
    const double v = floats[0];
    if (std::isnan(v)) bad(name, "is not a number");
    if (std::isfinite(v) && std::fabs(v) > static_cast<double>(std::numeric_limits<T>::max()))
      bad(name, "is out of range");
    value = static_cast<T>(v);
    if (static_cast<double>(value) != v) bad(name, "is not a value of its type");
  }
  template <size_t N>
  void read(std::string_view name, const std::vector<int64_t>& ints, const std::vector<double>&,
            std::array<int32_t, N>& value) const {
    require_count(name, ints.size(), N);
    for (size_t i = 0; i < N; ++i) value[i] = narrowed<int32_t>(name, ints[i]);
  }
  void read(std::string_view name, const std::vector<int64_t>& ints, const std::vector<double>&,
            std::vector<int64_t>& value) const {
    if (ints.size() > kMaxValues) bad(name, fmt::format("has {} values", ints.size()));
    value = ints;
  }

  static constexpr size_t kMaxParams = 64, kMaxValues = 32;

  const fb::Step& step_;
  Budget& budget_;
  std::map<std::string_view, const fb::Param*> params_;
};

}  // namespace openhb
