// SPDX-License-Identifier: Apache-2.0
#include "tests/host/frontend/compare.h"

#include <algorithm>
#include <set>

namespace openhb::test {
namespace {

using graph::Attribute;
using graph::Graph;
using graph::Node;
using graph::Value;

std::vector<std::string> names(const std::vector<Value*>& values) {
  std::vector<std::string> result;
  for (const Value* value : values) result.push_back(value ? value->name : "(absent)");
  while (!result.empty() && result.back() == "(absent)") result.pop_back();
  return result;
}

bool equal(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::ranges::equal(a.bytes(), b.bytes());
}

bool equal(const Attribute& a, const Attribute& b) {
  return std::visit(
      []<class A, class B>(const A& x, const B& y) {
        if constexpr (!std::is_same_v<A, B>)
          return false;
        else if constexpr (std::is_same_v<A, Tensor>)
          return equal(x, y);
        else
          return x == y;
      },
      a, b);
}

void expect_equal(const Node& a, const Node& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.op, b.op) << a.name;
  EXPECT_EQ(a.domain, b.domain) << a.name;
  EXPECT_EQ(names(a.inputs), names(b.inputs)) << a.name;
  EXPECT_EQ(names(a.outputs), names(b.outputs)) << a.name;
  ASSERT_EQ(a.attributes.size(), b.attributes.size()) << a.name;
  for (const auto& [name, value] : a.attributes) {
    ASSERT_TRUE(b.attributes.contains(name)) << a.name << " " << name;
    EXPECT_TRUE(equal(value, b.attributes.at(name))) << a.name << " " << name;
  }
}

}  // namespace

void expect_equal(const Graph& a, const Graph& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.opset, b.opset);
  EXPECT_EQ(names(a.inputs), names(b.inputs));
  EXPECT_EQ(names(a.outputs), names(b.outputs));
  ASSERT_EQ(a.nodes().size(), b.nodes().size());
  for (size_t i = 0; i < a.nodes().size(); ++i) expect_equal(*a.nodes()[i], *b.nodes()[i]);
  ASSERT_EQ(a.values().size(), b.values().size());
  for (const auto& value : a.values()) {
    const Value* twin = b.find_value(value->name);
    ASSERT_NE(twin, nullptr) << value->name;
    EXPECT_EQ(value->dtype, twin->dtype) << value->name;
    EXPECT_EQ(value->shape, twin->shape) << value->name;
    ASSERT_EQ(value->is_constant(), twin->is_constant()) << value->name;
    if (value->is_constant()) {
      EXPECT_TRUE(equal(*value->constant, *twin->constant)) << value->name;
    }
  }
}

void expect_error(ErrorCode code, const std::vector<std::string>& words,
                  const std::function<void()>& function) {
  try {
    function();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    for (const std::string& word : words)
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos)
          << "'" << word << "' is missing in: " << error.what();
  }
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "openhb_test_XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
  folder_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace openhb::test
