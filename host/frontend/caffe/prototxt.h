// SPDX-License-Identifier: Apache-2.0
// The text half of a Caffe network. Internal to the frontend.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "caffe.pb.h"

namespace openhb::caffe_frontend {

struct Prototxt {
  caffe::NetParameter net;  // `layer` holds the layers of the test phase, old ones brought to the new form
  std::vector<int> lines;   // per layer, where it begins in the text, from 1
};

// Error(model_parse) with line and column for anything that is not a NetParameter.
Prototxt parse_prototxt(std::string_view text, const std::string& origin);

}  // namespace openhb::caffe_frontend
