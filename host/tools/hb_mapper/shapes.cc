// SPDX-License-Identifier: Apache-2.0
#include "host/tools/hb_mapper/shapes.h"

#include <algorithm>
#include <charconv>

#include "common/error.h"
#include "common/text/text.h"

namespace openhb::tools {
namespace {

Shape parse_shape(const std::string& name, const std::string& text) {
  Shape shape;
  for (const std::string& part : split(text, 'x')) {
    int64_t extent = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), extent);
    if (error != std::errc() || end != part.data() + part.size() || extent < 1)
      fail(ErrorCode::usage,
           "--input-shape {} {}: '{}' is not an extent; expected numbers such as 1x3x224x224", name, text,
           part);
    shape.push_back(extent);
  }
  if (shape.empty() || std::count(text.begin(), text.end(), 'x') + 1 != std::ssize(shape))
    fail(ErrorCode::usage, "--input-shape {} '{}': expected numbers such as 1x3x224x224", name, text);
  return shape;
}

}  // namespace

std::map<std::string, Shape> shapes_by_name(const std::vector<std::pair<std::string, std::string>>& given) {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, text] : given)
    if (!shapes.emplace(name, parse_shape(name, text)).second)
      fail(ErrorCode::usage, "--input-shape gives input '{}' two shapes", name);
  return shapes;
}

}  // namespace openhb::tools
