// SPDX-License-Identifier: Apache-2.0
// The binary half of a Caffe network. Internal to the frontend.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/tensor.h"

namespace caffe {
class BlobProto;
class WeightsFile;
}  // namespace caffe

namespace openhb::caffe_frontend {

class Weights {
 public:
  // Error(model_parse) when the bytes are no caffemodel.
  Weights(std::string_view bytes, const std::string& origin);
  Weights(Weights&& other) noexcept;
  ~Weights();

  struct Layer {
    std::vector<const caffe::BlobProto*> blobs;
    int copies = 0;  // layers of this name that have blobs
    bool used = false;
  };
  // nullptr when the file has no weights under this name; marks them as used.
  const Layer* find(const std::string& name);
  std::vector<std::string> names() const;
  size_t unused() const;

 private:
  std::unique_ptr<caffe::WeightsFile> file_;
  std::map<std::string, Layer> layers_;
};

// The blob as float32 in shape `expected`; extents of 1 in front of either shape do not count, since old
// files have four always. Errors name `what`.
Tensor read_blob(const caffe::BlobProto& blob, const Shape& expected, const std::string& what);
// Its shape as stored.
Shape blob_shape(const caffe::BlobProto& blob);

}  // namespace openhb::caffe_frontend
