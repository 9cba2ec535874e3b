// SPDX-License-Identifier: Apache-2.0
// Whatever is wrong with a Caffe network is told in a sentence.
#include <random>

#include "host/frontend/caffe/caffe.h"
#include "tests/host/frontend/caffe_case.h"

namespace openhb::test {
namespace {

void refused(CaffeCase& c, ErrorCode code, const std::vector<std::string>& words) {
  try {
    c.import();
    ADD_FAILURE() << "accepted: " << c.text;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    for (const std::string& word : words)
      EXPECT_NE(std::string(e.what()).find(word), std::string::npos)
          << "'" << word << "' is not in: " << e.what();
  }
}

// The text after the first line, with an input x [1, 4, 6, 6].
void refused(const std::string& text, ErrorCode code, const std::vector<std::string>& words) {
  CaffeCase c;
  c.text = "input: 'x' input_shape { dim: 1 dim: 4 dim: 6 dim: 6 }\n" + text;
  refused(c, code, words);
}

TEST(CaffeBadText, NamesTheLine) {
  refused("layer {\n  name: 'a' type: 'ReLU' bottom: 'x' top: 'y'\n  relu_param { negativ_slope: 1 } }",
          ErrorCode::model_parse, {"net.prototxt: line 4", "negativ_slope", "ReLUParameter"});
  refused("layer { name: 'a' typ: 'ReLU' }", ErrorCode::model_parse, {"line 2", "typ"});
  refused("layer { name: 'a' pooling_param { pool: MEDIAN } }", ErrorCode::model_parse, {"line 2", "MEDIAN"});
  refused("layer { name: 'a' convolution_param { num_output: -1 } }", ErrorCode::model_parse, {"line 2"});
  refused("layer { name: 'a'", ErrorCode::model_parse, {"net.prototxt"});
  refused("} ", ErrorCode::model_parse, {"line 2"});
  refused("layers { layer { name: 'a' type: 'conv' } }", ErrorCode::model_parse,
          {"line 2", "upgrade_net_proto_text"});
  refused("layer { name: 'a' type: 'ReLU' bottom: 'x' top: 'y' } layers { name: 'b' type: RELU }",
          ErrorCode::model_parse, {"'layer'", "'layers'"});
  std::string deep = "layer { transform_param { ";
  for (int i = 0; i < 100000; ++i) deep += "a { ";
  refused(deep, ErrorCode::model_parse, {"net.prototxt"});
  CaffeCase binary;
  binary.text = std::string("\x0a\x03net\0\x12", 7);
  refused(binary, ErrorCode::model_parse, {"not a text"});
}

TEST(CaffeBadStructure, NamesTheLayer) {
  constexpr auto kStructure = ErrorCode::model_structure;
  refused("", kStructure, {"no outputs"});
  refused("layer { type: 'ReLU' bottom: 'x' top: 'y' }", kStructure, {"line 2", "no name"});
  refused("layer { name: 'a' bottom: 'x' top: 'y' }", kStructure, {"'a'", "no type"});
  refused("layer { name: 'a' type: 'ReLU' bottom: 'z' top: 'y' }", kStructure,
          {"layer 'a' (ReLU), line 2", "'z'"});
  refused(
      "layer { name: 'a' type: 'ReLU' bottom: 'z' top: 'y' }\nlayer { name: 'b' type: 'ReLU' bottom: 'y' "
      "top: 'z' }",
      kStructure, {"'a'", "'z'", "layer 'b' (ReLU), line 3", "cycle"});
  refused(
      "layer { name: 'a' type: 'ReLU' bottom: 'x' top: 'y' } layer { name: 'b' type: 'ReLU' bottom: 'x' top: "
      "'y' }",
      kStructure, {"'b'", "'y'", "already"});
  refused("layer { name: 'a' type: 'Slice' bottom: 'x' top: 'y' top: 'y' }", kStructure, {"'a'", "two tops"});
  refused("layer { name: 'a' type: 'Input' top: 'x' input_param { shape { dim: 1 } } }", kStructure,
          {"'a'", "'x'"});
  refused("layer { name: 'a' type: 'ReLU' top: 'y' }", kStructure, {"'a'", "0 bottoms"});
  refused("layer { name: 'a' type: 'ReLU' bottom: 'x' top: 'y' top: 'z' }", kStructure, {"'a'", "2 tops"});
  refused("input: 'q'", kStructure, {"input_shape"});
  refused(
      "layer { name: 'p' type: 'Pooling' bottom: 'x' top: 'y' top: 'm' pooling_param { kernel_size: 2 } }"
      "layer { name: 'r' type: 'ReLU' bottom: 'm' top: 'z' }",
      ErrorCode::model_unsupported_op, {"'r'", "mask"});
  refused("layer { name: 'a' type: 'MultiBoxLos' bottom: 'x' top: 'y' }", ErrorCode::model_unsupported_op,
          {"Not support layer name=a type=MultiBoxLos", "line 2"});
  refused("layer { name: 'a' type: 'Convolutoin' bottom: 'x' top: 'y' }", ErrorCode::model_unsupported_op,
          {"Did you mean 'Convolution'?"});
  CaffeCase c;
  c.text = "layer { name: 'd' type: 'Input' top: 'x' } layer { name: 'a' type: 'ReLU' bottom: 'x' top: 'y' }";
  refused(c, ErrorCode::model_dynamic_shape, {"'x'", "input_shape"});
  c.input_shapes["z"] = {1};
  c.input_shapes["x"] = {1};
  refused(c, ErrorCode::config_bad_value, {"'z'"});
}

TEST(CaffeBadParameters, NamesFieldAndValue) {
  const auto layer = [](const std::string& type, const std::string& params, std::vector<std::string> words,
                        ErrorCode code = ErrorCode::model_bad_attribute) {
    words.push_back("layer 'a' (" + type + ")");
    refused("layer { name: 'a' type: '" + type + "' bottom: 'x' top: 'y' " + params + " }", code, words);
  };
  const auto conv = [&](const std::string& params, const std::vector<std::string>& words,
                        ErrorCode code = ErrorCode::model_bad_attribute) {
    layer("Convolution", "convolution_param { " + params + " }", words, code);
  };
  layer("Convolution", "", {"convolution_param"});
  conv("num_output: 4", {"kernel_size", "0"});
  conv("num_output: 0 kernel_size: 1", {"num_output"});
  conv("num_output: 4 kernel_size: 1 kernel_h: 1", {"kernel_size"});
  conv("num_output: 4 kernel_size: [1, 1, 1]", {"kernel_size", "3"});
  conv("num_output: 4 kernel_size: 1 stride: 0", {"stride", "0"});
  conv("num_output: 4 kernel_size: 1 group: 3", {"group", "3"});
  conv("num_output: 4 kernel_size: 1 group: 0", {"group", "0"});
  conv("num_output: 4 kernel_size: 1 axis: 2", {"axis", "2"});
  conv("num_output: 4 kernel_size: 4000000000", {"kernel_size"});
  conv("num_output: 4000000000 kernel_size: 1", {"num_output"});
  conv("num_output: 4 kernel_size: 9 bias_term: false", {"caffemodel"}, ErrorCode::model_bad_value);
  layer("Pooling", "pooling_param { kernel_size: 0 }", {"kernel 0"});
  layer("Pooling", "pooling_param { kernel_size: 2 pad: 2 }", {"pad 2"});
  layer("Pooling", "pooling_param { kernel_size: 9 }", {"9"}, ErrorCode::model_bad_shape);
  layer("Pooling", "pooling_param { kernel_size: 1 stride: 4 }", {"behind"}, ErrorCode::model_bad_shape);
  layer("Pooling", "pooling_param { kernel_size: 1 pool: STOCHASTIC }", {"STOCHASTIC"},
        ErrorCode::model_unsupported_op);
  layer("Pooling", "pooling_param { global_pooling: true kernel_size: 2 }", {"global_pooling"});
  layer("InnerProduct", "inner_product_param { num_output: 2 axis: 7 }", {"axis 7"});
  layer("Reshape", "reshape_param { shape { dim: 5 dim: -1 } }", {"cannot reshape"},
        ErrorCode::model_bad_shape);
  layer("Reshape", "reshape_param { shape { dim: -1 dim: -1 } }", {"-1"});
  layer("Reshape", "reshape_param { shape { dim: 4611686018427387904 dim: 4 } }", {"too large"},
        ErrorCode::model_bad_shape);
  layer("Permute", "permute_param { order: 0 order: 0 }", {"twice"});
  layer("Permute", "permute_param { order: 9 }", {"9"});
  layer("Slice", "slice_param { slice_point: 2 }", {"slice points"});
  layer("Concat", "concat_param { axis: 1 concat_dim: 1 }", {"once"});
  layer("Tile", "tile_param { tiles: 2000000000 }", {"2^31"}, ErrorCode::model_bad_shape);
  layer("Tile", "tile_param { tiles: -1 }", {"tiles"});
  layer("LRN", "lrn_param { local_size: 4 }", {"local_size", "4"});
  layer("SPP", "spp_param { pyramid_height: 8 }", {"pyramid_height"});
  layer("Upsample", "", {"scale"});
  layer("Upsample", "upsample_param { scale: 65536 }", {"2^31"}, ErrorCode::model_bad_shape);
  layer("Log", "log_param { base: 1 }", {"base"});
  layer("ArgMax", "argmax_param { axis: 1 top_k: 5 }", {"top_k"});
  layer("Reorg", "reorg_param { stride: 3 }", {"4 channels"}, ErrorCode::model_bad_shape);
  refused("layer { name: 'a' type: 'Eltwise' bottom: 'x' bottom: 'x' top: 'y' eltwise_param { coeff: 1 } }",
          ErrorCode::model_bad_attribute, {"coeff"});
  refused("layer { name: 'a' type: 'PriorBox' bottom: 'x' bottom: 'x' top: 'y' }",
          ErrorCode::model_bad_attribute, {"min_size"});
  refused(
      "layer { name: 'a' type: 'PriorBox' bottom: 'x' bottom: 'x' top: 'y' prior_box_param { min_size: 9 "
      "max_size: 8 } }",
      ErrorCode::model_bad_attribute, {"max_size"});
}

TEST(CaffeBadShapes, OfInputs) {
  for (const char* dims : {"dim: 1 dim: 0", "dim: 1 dim: -1"}) {
    CaffeCase c;
    c.text = std::string("input: 'x' input_shape { ") + dims +
             " } layer { name: 'a' type: 'ReLU' bottom: 'x' top: 'y' }";
    refused(c, ErrorCode::model_dynamic_shape, {"'x'", "dimension 1"});
  }
  for (const char* dims : {"dim: 1 dim: -7", "dim: 1099511627776", "dim: 65536 dim: 65536",
                           "dim: [1, 1, 1, 1, 1, 1, 1, 1, 1]"}) {
    CaffeCase c;
    c.text = std::string("input: 'x' input_shape { ") + dims +
             " } layer { name: 'a' type: 'ReLU' bottom: 'x' top: 'y' }";
    refused(c, ErrorCode::model_bad_shape, {"'x'"});
  }
}

TEST(CaffeBadWeights, NamesLayerAndBlob) {
  const auto make = [] {
    CaffeCase c;
    c.input("x", noise({1, 2}));
    c.layer("InnerProduct", "fc", "x", "y", "inner_product_param { num_output: 3 }");
    return c;
  };
  CaffeCase none = make();
  refused(none, ErrorCode::model_bad_value,
          {"layer 'fc' (InnerProduct), line 3", "weights (blob 0)", "caffemodel"});
  CaffeCase half = make();
  half.blob("fc", noise({3, 2}));
  refused(half, ErrorCode::model_bad_value, {"biases (blob 1)"});
  CaffeCase shape = make();
  shape.blob("fc", noise({2, 3})), shape.blob("fc", noise({3}));
  refused(shape, ErrorCode::model_bad_shape, {"2x3", "3x2"});
  CaffeCase few = make();
  few.blob("fc", noise({3, 2})), few.blob("fc", noise({3}));
  few.weights.mutable_layer(1)->mutable_blobs(0)->mutable_data()->RemoveLast();
  refused(few, ErrorCode::model_bad_value, {"5 values"});
  CaffeCase nan = make();
  nan.blob("fc", noise({3, 2})), nan.blob("fc", tensor_of({3}, {1, NAN, 1}));
  refused(nan, ErrorCode::model_bad_value, {"biases", "element 1 is NaN"});
  CaffeCase twice = make();
  twice.layer("ReLU", "fc", "y", "y");
  twice.blob("fc", noise({3, 2})), twice.blob("fc", noise({3}));
  refused(twice, ErrorCode::model_structure, {"'fc'", "several layers"});
  CaffeCase empty = make();
  empty.weights.Clear();
  refused(empty, ErrorCode::model_parse, {"net.caffemodel"});
  for (const std::string& junk : {std::string("junk"), std::string("\xff\xff\xff", 3)})
    EXPECT_THROW(caffe_frontend::import_caffe_bytes(make().text, junk), Error);
}

// Cut off or with wrong bytes: an Error, or a network; never anything else.
TEST(CaffeBadFiles, TruncatedAndDamaged) {
  CaffeCase c;
  c.input("x", noise({1, 4, 8, 8}));
  c.layer("Convolution", "conv", "x", "y",
          "convolution_param { num_output: 4 kernel_size: 3 pad: 1 group: 2 }");
  c.layer("BatchNorm", "bn", "y", "y");
  c.layer("Scale", "scale", "y", "y", "scale_param { bias_term: true }");
  c.layer("Pooling", "pool", "y", "p", "pooling_param { kernel_size: 3 stride: 2 }");
  c.layer("Reshape", "r", "p", "z", "reshape_param { shape { dim: 0 dim: -1 } }");
  c.blob("conv", noise({4, 2, 3, 3})), c.blob("conv", noise({4}));
  c.blob("bn", noise({4})), c.blob("bn", noise({4}, 1, 2)), c.blob("bn", noise({1}, 1, 2));
  c.blob("scale", noise({4})), c.blob("scale", noise({4}));
  const std::string text = c.text, weights = c.weights.SerializeAsString();
  caffe_frontend::import_caffe_bytes(text, weights);
  size_t refusals = 0;
  const auto attempt = [&](std::string_view t, std::string_view w) {
    try {
      caffe_frontend::import_caffe_bytes(t, w);
    } catch (const Error& e) {
      EXPECT_NE(e.code(), ErrorCode::internal) << e.what();
      ++refusals;
    }
  };
  for (size_t n = 0; n < weights.size(); n += 1 + n / 50)
    attempt(text, std::string_view(weights).substr(0, n));
  for (size_t n = 0; n < text.size(); n += 3) attempt(std::string_view(text).substr(0, n), weights);
  EXPECT_GT(refusals, 200u);
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string t = text, w = weights;
    for (std::string* s : {&t, &w})
      if (random() % 2 == 0)
        for (size_t n = 1 + random() % 3; n > 0; --n)
          (*s)[random() % s->size()] = static_cast<char>(random());
    attempt(t, w);
  }
}

}  // namespace
}  // namespace openhb::test
