// SPDX-License-Identifier: Apache-2.0
// Networks from which the Caffe fuzzer starts: between them they have most layers.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "caffe.pb.h"

namespace openhb::testing {

struct CaffeSample {
  std::string text, weights;
};

class CaffeSampleMaker {
 public:
  explicit CaffeSampleMaker(const std::string& dims) {
    sample_.text = "input: \"x\" input_shape { dim: [" + dims + "] }\n";
  }
  // A layer that reads the last one's result (and other blobs), with zeros of these shapes as its blobs.
  CaffeSampleMaker& add(const std::string& type, const std::string& params = "",
                        const std::vector<std::vector<int64_t>>& blobs = {}, const std::string& others = "") {
    const std::string name = fmt::format("l{}", ++count_);
    sample_.text += fmt::format("layer {{ name: \"{}\" type: \"{}\" bottom: \"{}\" {} top: \"{}\" {} }}\n",
                                name, type, last_, others, name, params);
    auto* layer = file_.add_layer();
    layer->set_name(name);
    for (const auto& shape : blobs) {
      auto* blob = layer->add_blobs();
      int64_t size = 1;
      for (const int64_t d : shape) blob->mutable_shape()->add_dim(d), size *= d;
      for (int64_t i = 0; i < size; ++i) blob->add_data(0.5f);
    }
    last_ = name;
    return *this;
  }
  CaffeSample done() {
    sample_.weights = file_.SerializeAsString();
    return sample_;
  }

 private:
  CaffeSample sample_;
  caffe::WeightsFile file_;
  std::string last_ = "x";
  int count_ = 0;
};

inline std::vector<CaffeSample> caffe_samples() {
  using Maker = CaffeSampleMaker;
  std::vector<CaffeSample> samples;
  samples.push_back(Maker("1, 2, 8, 8")
                        .add("Convolution", "convolution_param { num_output: 4 kernel_size: 3 pad: 1 }",
                             {{4, 2, 3, 3}, {4}})
                        .add("BatchNorm", "", {{4}, {4}, {1}})
                        .add("Scale", "scale_param { bias_term: true }", {{4}, {4}})
                        .add("PReLU", "", {{4}})
                        .add("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }")
                        .add("LRN", "lrn_param { norm_region: WITHIN_CHANNEL }")
                        .add("InnerProduct", "inner_product_param { num_output: 3 }", {{3, 100}, {3}})
                        .add("Softmax")
                        .add("ArgMax", "argmax_param { top_k: 2 out_max_val: true }")
                        .done());
  samples.push_back(
      Maker("1, 4, 6, 6")
          .add(
              "Deconvolution",
              "convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4 bias_term: false }",
              {{4, 1, 4, 4}})
          .add("Crop", "crop_param { offset: 1 }", {}, "bottom: \"x\"")
          .add("Eltwise", "eltwise_param { coeff: 1 coeff: -1 }", {}, "bottom: \"x\"")
          .add("Power", "power_param { power: 2 scale: 3 shift: 1 }")
          .add("Exp", "exp_param { base: 2 }")
          .add("Log", "log_param { shift: 1 }")
          .add("MVN", "mvn_param { across_channels: true }")
          .add("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }")
          .add("Flatten", "flatten_param { axis: 1 end_axis: 2 }")
          .add("Reshape", "reshape_param { shape { dim: 0 dim: 4 dim: -1 } axis: 0 num_axes: -1 }")
          .add("Reduction", "reduction_param { operation: ASUM axis: 1 coeff: 2 }")
          .done());
  samples.push_back(Maker("1, 8, 4, 4")
                        .add("Reorg", "reorg_param { stride: 2 }")
                        .add("PassThrough", "pass_through_param { block_height: 2 block_width: 1 }")
                        .add("ShuffleChannel", "shuffle_channel_param { group: 4 }")
                        .add("Upsample", "upsample_param { scale: 3 }")
                        .add("Interp", "interp_param { zoom_factor: 2 pad_beg: -1 }")
                        .add("SPP", "spp_param { pyramid_height: 2 }")
                        .add("Tile", "tile_param { axis: 1 tiles: 2 }")
                        .add("Bias", "", {{640}})
                        .done());
  samples.push_back(Maker("3, 2, 4")
                        .add("LSTM", "recurrent_param { num_output: 3 }", {{12, 4}, {12}, {12, 3}})
                        .add("Slice", "slice_param { axis: 0 slice_point: 1 } top: \"rest\"")
                        .add("Embed", "embed_param { input_dim: 4 num_output: 2 }", {{4, 2}, {2}})
                        .add("CReLU")
                        .add("Threshold")
                        .done());
  samples.push_back(Maker("1, 2, 4, 4")
                        .add("Normalize", "norm_param { across_spatial: false channel_shared: false }", {{2}})
                        .add("PriorBox",
                             "prior_box_param { min_size: 8 max_size: 16 aspect_ratio: 2 variance: 0.1 }", {},
                             "bottom: \"x\"")
                        .done());
  samples.back().text += R"(
layer { name: "loc" type: "InnerProduct" bottom: "x" top: "loc" inner_product_param { num_output: 256 } }
layer { name: "conf" type: "InnerProduct" bottom: "x" top: "conf" inner_product_param { num_output: 128 } }
layer { name: "det" type: "DetectionOutput" bottom: "loc" bottom: "conf" bottom: "l2" top: "det"
        detection_output_param { num_classes: 2 keep_top_k: 5 code_type: CENTER_SIZE nms_param { top_k: 9 eta: 0.9 } } }
)";
  caffe::WeightsFile file;
  file.ParseFromString(samples.back().weights);
  for (const int64_t outputs : {256, 128}) {
    auto* layer = file.add_layer();
    layer->set_name(outputs == 256 ? "loc" : "conf");
    for (const auto& shape : {std::vector<int64_t>{outputs, 32}, std::vector<int64_t>{outputs}}) {
      auto* blob = layer->add_blobs();
      int64_t size = 1;
      for (const int64_t d : shape) blob->mutable_shape()->add_dim(d), size *= d;
      for (int64_t i = 0; i < size; ++i) blob->add_data(0.25f);
    }
  }
  samples.back().weights = file.SerializeAsString();
  return samples;
}

// Real networks beside the project, when they are there.
inline std::vector<CaffeSample> shared_caffe_networks(const std::filesystem::path& models) {
  std::vector<CaffeSample> result;
  const auto read = [](const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  std::error_code ignored;
  for (const char* stem : {"ultraface_rfb320_caffe/RFB-320", "wechat_qr_detect_caffe/detect"})
    if (std::filesystem::exists(models / (std::string(stem) + ".prototxt"), ignored))
      result.push_back({read(models / (std::string(stem) + ".prototxt")),
                        read(models / (std::string(stem) + ".caffemodel"))});
  return result;
}

}  // namespace openhb::testing
