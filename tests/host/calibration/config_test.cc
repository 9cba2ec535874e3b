// SPDX-License-Identifier: Apache-2.0
#include "host/config/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "common/error.h"
#include "host/config/inputs.h"
#include "host/config/keys.h"
#include "tests/host/calibration/config_files.h"

namespace openhb::config {
namespace {

namespace fs = std::filesystem;

bool operator==(const InputConfig& a, const InputConfig& b) {
  return a.name == b.name && a.kind_train == b.kind_train && a.kind_rt == b.kind_rt &&
         a.nhwc_train == b.nhwc_train && a.nhwc_rt == b.nhwc_rt && a.shape == b.shape && a.norm == b.norm &&
         a.bt601_video == b.bt601_video && a.mean == b.mean && a.scale == b.scale && a.cal_dir == b.cal_dir &&
         a.cal_dtype == b.cal_dtype;
}

void expect_equal(const Config& a, const Config& b) {
  EXPECT_EQ(a.onnx_model, b.onnx_model);
  EXPECT_EQ(a.prototxt, b.prototxt);
  EXPECT_EQ(a.caffe_model, b.caffe_model);
  EXPECT_EQ(a.march, b.march);
  EXPECT_EQ(a.prefix, b.prefix);
  EXPECT_EQ(a.working_dir, b.working_dir);
  EXPECT_EQ(a.output_nodes, b.output_nodes);
  ASSERT_EQ(a.inputs.size(), b.inputs.size());
  for (size_t i = 0; i < a.inputs.size(); ++i) EXPECT_TRUE(a.inputs[i] == b.inputs[i]) << i;
  EXPECT_EQ(a.input_batch, b.input_batch);
  for (size_t i = 0; i < a.inputs.size(); ++i)
    EXPECT_EQ(source_of(a, a.inputs[i]), source_of(b, b.inputs[i]));
  EXPECT_EQ(a.preprocess_on, b.preprocess_on);
  EXPECT_EQ(a.calibration, b.calibration);
  EXPECT_EQ(a.max_percentile, b.max_percentile);
  EXPECT_EQ(a.per_channel, b.per_channel);
  EXPECT_EQ(a.run_on_cpu, b.run_on_cpu);
  EXPECT_EQ(a.run_on_bpu, b.run_on_bpu);
  EXPECT_EQ(a.optimize_level, b.optimize_level);
  EXPECT_EQ(a.debug, b.debug);
}

TEST(Config, MinimalFileGetsDefaults) {
  const Config c = load(kMinimal);
  EXPECT_EQ(c.onnx_model, "net.onnx");
  EXPECT_EQ(c.prefix, "model");
  EXPECT_EQ(c.working_dir, "model_output");
  ASSERT_EQ(c.inputs.size(), 1u);
  EXPECT_EQ(c.inputs[0].name, "");
  EXPECT_EQ(c.inputs[0].kind_train, InputKind::bgr);
  EXPECT_EQ(c.inputs[0].kind_rt, InputKind::rgb);
  EXPECT_FALSE(c.inputs[0].nhwc_train);
  EXPECT_TRUE(c.inputs[0].nhwc_rt);
  EXPECT_EQ(c.inputs[0].norm, Norm::none);
  EXPECT_FALSE(c.inputs[0].cal_dtype);
  EXPECT_EQ(c.calibration, CalibrationType::automatic);
  EXPECT_EQ(c.optimize_level, "O0");
  EXPECT_EQ(c.compile_mode, "latency");
  EXPECT_TRUE(c.debug);
  EXPECT_FALSE(c.layer_out_dump);
}

TEST(Config, FullFile) {
  const Config c = load(kFull);
  ASSERT_EQ(c.inputs.size(), 2u);
  EXPECT_EQ(c.inputs[0].name, "image");
  EXPECT_EQ(c.inputs[0].shape, (Shape{1, 3, 224, 224}));
  EXPECT_EQ(c.inputs[0].norm, Norm::mean_and_scale);
  EXPECT_EQ(c.inputs[0].mean, (std::vector<float>{103.94f, 116.78f, 123.68f}));
  EXPECT_EQ(c.inputs[0].scale, (std::vector<float>{0.017f}));
  EXPECT_EQ(c.inputs[0].cal_dtype, DType::f32);
  EXPECT_EQ(c.inputs[1].kind_rt, InputKind::featuremap);
  EXPECT_TRUE(c.inputs[1].mean.empty());
  EXPECT_EQ(c.inputs[1].cal_dtype, DType::i16);
  EXPECT_FALSE(c.inputs[1].nhwc_rt);
  EXPECT_EQ(c.output_nodes, (std::vector<std::string>{"a", "b's"}));
  EXPECT_EQ(c.run_on_cpu, (std::vector<std::string>{"conv_0", "conv_1"}));
  EXPECT_EQ(c.calibration, CalibrationType::max);
  EXPECT_EQ(c.max_percentile, 0.99995);
  EXPECT_TRUE(c.per_channel);
  EXPECT_TRUE(c.debug);
  EXPECT_EQ(c.optimize_level, "O3");
}

TEST(Config, EffectiveYamlReloadsToTheSame) {
  for (const std::string& text : {std::string(kMinimal), std::string(kFull)}) {
    const Config c = load(text);
    const std::string yaml = effective_yaml(c);
    for (const Key& key : keys())
      EXPECT_NE(yaml.find(fmt::format("\n  {}: ", key.name)), std::string::npos) << key.name;
    expect_equal(c, load(yaml));
    EXPECT_EQ(effective_yaml(load(yaml)), yaml);
  }
  Config odd = load(kMinimal);
  odd.onnx_model = "it's a \"model\" \\ \n: #.onnx";
  odd.inputs.push_back(odd.inputs[0]);
  odd.inputs[0].name = "x";
  odd.inputs[1].name = "y: #";
  odd.inputs[1].shape = Shape{1, 3, 8, 8};
  odd.inputs[1].cal_dtype = DType::u8;
  odd.inputs[1].norm = Norm::scale;
  odd.inputs[1].scale = {1.0f / 3, 1e-20f, -3e10f};
  odd.inputs[0].kind_train = odd.inputs[0].kind_rt = InputKind::gray;
  expect_equal(odd, load(effective_yaml(odd)));
}

// Every vendor spelling of an empty value counts as not given.
TEST(Config, EmptyValuesAreNotGiven) {
  for (const char* empty : {"", "''", "\"\"", "~", "null", "[]", "{}", "'  '"})
    for (const char* key : {"output_nodes", "output_model_file_prefix", "node_info", "debug_mode"})
      expect_equal(load(kMinimal), load(with(kMinimal, "model_parameters", key, empty)));
  EXPECT_NO_THROW(load(std::string(kMinimal) + "custom_op: {}\n"));
  EXPECT_NO_THROW(load(std::string(kMinimal) + "custom_op:\n"));
}

TEST(Config, CustomOperators) {
  const std::string group = std::string(kMinimal) + "custom_op:\n  op_register_files: 'a.so; /b/c.so'\n";
  EXPECT_EQ(plugin_files(load(group)), (std::vector<std::string>{"a.so", "/b/c.so"}));
  EXPECT_EQ(plugin_files(load(group + "  custom_op_dir: ops\n  custom_op_method: register\n")),
            (std::vector<std::string>{"ops/a.so", "/b/c.so"}));
  EXPECT_TRUE(plugin_files(load(kMinimal)).empty());
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "a.so") << "x";
  EXPECT_EQ(plugin_files(parse_config(group, (folder.path() / "c.yaml").string())),
            (std::vector<std::string>{(folder.path() / "a.so").string(), "/b/c.so"}));
  for (const auto& [files, expected] :
       {std::pair{"op.py", "no Python at run time"}, std::pair{"op.dll", "end in .so"}}) {
    const std::string what =
        error_text(std::string(kMinimal) + fmt::format("custom_op:\n  op_register_files: {}\n", files));
    EXPECT_NE(what.find(expected), std::string::npos) << what;
  }
}

struct BadCase {
  const char* group;
  const char* key;
  const char* value;
  const char* expected;  // part of the message
};

TEST(Config, BadValues) {
  const BadCase cases[] = {
      {"model_parameters", "march", "bernoulli2", "'bernoulli2' is not available yet"},
      {"model_parameters", "march", "bayas", "Did you mean 'bayes'?"},
      {"model_parameters", "onnx_model", "''", "'onnx_model' is missing in 'model_parameters'"},
      {"model_parameters", "output_model_file_prefix", "a/b", "must not contain '/'"},
      {"model_parameters", "output_nodes", "a;b;a", "'a' is named twice"},
      {"model_parameters", "output_nodes", "';'", "no name"},
      {"model_parameters", "output_nodes", "[a, b]", "separated by ';'"},
      {"model_parameters", "caffe_model", "x.caffemodel", "there is a Caffe model, too"},
      {"model_parameters", "layer_out_dump", "1", "neither True nor False"},
      {"model_parameters", "node_info", "{a: {'ON': 'GPU'}}", "node 'a': 'ON' is 'GPU'"},
      {"model_parameters", "node_info", "{a: {'InputTyp': 'int16'}}", "Did you mean 'InputType'"},
      {"model_parameters", "node_info", "{a: {'OutputType0': 'int16'}}", "'OutputType0' is none of"},
      {"model_parameters", "node_info", "{a: {'InputType': 'int4'}}", "'int4', expected int16"},
      {"model_parameters", "node_info", "{a: {'InputType-1': 'int16'}}", "'InputType-1' is none of"},
      {"model_parameters", "node_info", "{a: int16}", "node 'a': expected a map"},
      {"model_parameters", "node_info", "'{a: '", "no YAML map"},
      {"model_parameters", "node_info", "a:int16;a:int16", "'a' is named twice"},
      {"model_parameters", "node_info", "a:int8", "asks for 'int8'"},
      {"model_parameters", "node_info", "a", "not of the form name:int16"},
      {"model_parameters", "set_node_data_type", "a:int8", "asks for 'int8'"},
      {"calibration_parameters", "optimization", "set_all_node_int16", "Did you mean 'set_all_nodes_int16'"},
      {"calibration_parameters", "optimization", "'set_model_output_int8, set_model_output_int16'",
       "exclude each other"},
      {"calibration_parameters", "optimization", "set__input_int16", "is none of"},
      {"input_parameters", "input_type_rt", "nv21", "Did you mean 'nv12'"},
      {"input_parameters", "input_type_train", "nv12",
       "'nv12' is none of: rgb, bgr, gray, yuv444, featuremap"},
      {"input_parameters", "input_type_train", "rgb; bgr", "input_name must name the inputs"},
      {"input_parameters", "input_name", "a; b", "1 entry for 2 inputs"},
      {"input_parameters", "input_name", "a; a", "'a' is named twice"},
      {"input_parameters", "input_name", "a;;b", "an entry is empty"},
      {"input_parameters", "input_layout_train", "NCWH", "none of: NCHW, NHWC"},
      {"input_parameters", "input_layout_train", "~", "'input_layout_train' is missing"},
      {"input_parameters", "input_space_and_range", "bt601_video",
       "bt601_video needs input_type_rt nv12 and input_type_train rgb or bgr, not rgb and bgr"},
      {"input_parameters", "input_shape", "1x3x0x4", "is not a shape"},
      {"input_parameters", "input_shape", "1x3x-1x4", "is not a shape"},
      {"input_parameters", "input_shape", "1x3", "no shape of a bgr input in layout NCHW"},
      {"input_parameters", "input_shape", "1x8x8x3", "no shape of a bgr input in layout NCHW"},
      {"input_parameters", "input_shape", "1x3x2000000000x2000000000", "too large"},
      {"input_parameters", "input_shape", "1x1x1x1x1x1x1x1x1", "too large"},
      {"input_parameters", "input_shape", "1x3x4x4x4", "a picture has 4 dimensions"},
      {"input_parameters", "input_shape", "1x4x4x4", "3 channels would be at position 1"},
      {"input_parameters", "input_batch", "0", "is not between 1 and 4096"},
      {"input_parameters", "input_batch", "4097", "is not between 1 and 4096"},
      {"input_parameters", "input_batch", "1.5", "not a whole number"},
      {"compiler_parameters", "input_source", "pyramid", "expected a map such as {'image': 'pyramid'}"},
      {"compiler_parameters", "input_source", "{a: [ddr]}", "expected a map"},
      {"compiler_parameters", "input_source", "\"{a: \"", "no YAML map"},
      {"compiler_parameters", "input_source", "{a: piramid}", "Did you mean 'pyramid'"},
      {"compiler_parameters", "input_source", "{a: pyramid}", "pyramid gives nv12 or gray, not rgb"},
      {"compiler_parameters", "input_source", "{a: resizer}", "resizer gives nv12 or gray, not rgb"},
      {"compiler_parameters", "input_source", "{a: ddr, b: ddr}", "2 sources for one input"},
      {"compiler_parameters", "input_source", "{a: ddr, a: pyramid}", "twice"},
      {"input_parameters", "norm_type", "data_mean", "'mean_value' is missing"},
      {"input_parameters", "norm_type", "data_men", "Did you mean 'data_mean'?"},
      {"input_parameters", "mean_value", "1 2 3", "norm_type no_preprocess does not use it"},
      {"input_parameters", "scale_value", "1 x 3", "'x' is not a number"},
      {"input_parameters", "scale_value", "nan", "'nan' is not a number"},
      {"input_parameters", "scale_value", "1e999", "is not a number"},
      {"calibration_parameters", "cal_data_dir", "''", "'cal_data_dir' is missing"},
      {"calibration_parameters", "cal_data_type", "float", "none of: float32, uint8"},
      {"calibration_parameters", "preprocess_on", "maybe", "neither True nor False"},
      {"calibration_parameters", "calibration_type", "percentile", "'max_percentile' is missing"},
      {"calibration_parameters", "max_percentile", "0.99", "only calibration_type max and percentile use it"},
      {"calibration_parameters", "max_percentile", "1.5", "is not between 0.5 and 1"},
      {"calibration_parameters", "max_percentile", "much", "is not a number"},
      {"calibration_parameters", "optimization", "asymmetric",
       "chooses between symmetric and asymmetric itself"},
      {"compiler_parameters", "compile_mode", "speed", "none of: latency, bandwidth, balance"},
      {"compiler_parameters", "compile_mode", "balance", "compile_mode balance needs it"},
      {"compiler_parameters", "balance_factor", "101", "101 is not between 0 and 100"},
      {"compiler_parameters", "core_num", "2", "on 1 core"},
      {"compiler_parameters", "core_num", "3", "3 is not between 1 and 2"},
      {"compiler_parameters", "jobs", "0", "0 is not between 1 and 1024"},
      {"compiler_parameters", "max_time_per_fc", "999", "0 or at least 1000"},
      {"compiler_parameters", "max_time_per_fc", "4294967296", "4294967296 is not between 0 and 4294967295"},
      {"compiler_parameters", "advice", "-1", "-1 is not between 0 and 4294967295"},
      {"compiler_parameters", "optimize_level", "O4", "none of: O0, O1, O2, O3"},
      {"compiler_parameters", "debug", "1", "neither True nor False"},
      {"compiler_parameters", "debgu", "True",
       "unknown key 'debgu' in 'compiler_parameters'. Did you mean 'debug'?"},
      {"compiler_parameters", "march", "bayes",
       "'march' belongs to 'model_parameters', not to 'compiler_parameters'"},
  };
  for (const BadCase& bad : cases) {
    const std::string text = error_text(with(kMinimal, bad.group, bad.key, bad.value));
    EXPECT_NE(text.find(bad.expected), std::string::npos) << bad.key << ": " << bad.value << "\n" << text;
    EXPECT_NE(text.find("line "), std::string::npos) << text;
  }
}

TEST(Config, DependentKeys) {
  std::string text = with(kMinimal, "input_parameters", "norm_type", "data_mean_and_scale");
  text = with(text, "input_parameters", "mean_value", "1 2");
  text = with(text, "input_parameters", "scale_value", "0");
  const std::string errors = error_text(text);
  EXPECT_NE(errors.find("2 numbers for 3 channels"), std::string::npos) << errors;
  EXPECT_NE(errors.find("a scale of 0 would erase the input"), std::string::npos) << errors;

  std::string features = with(kMinimal, "input_parameters", "input_type_train", "featuremap");
  features = with(features, "input_parameters", "input_type_rt", "featuremap");
  EXPECT_FALSE(load(features).inputs[0].nhwc_rt);
  const std::string pictures = error_text(with(features, "calibration_parameters", "preprocess_on", "True"));
  EXPECT_NE(pictures.find("pictures cannot feed a featuremap input"), std::string::npos) << pictures;
  features = with(features, "input_parameters", "norm_type", "data_scale");
  features = with(features, "input_parameters", "scale_value", "0.5");
  EXPECT_NO_THROW(load(with(features, "input_parameters", "input_shape", "1x3x4x4")));
  const std::string flat = error_text(with(features, "input_parameters", "input_shape", "1x16"));
  EXPECT_NE(flat.find("a featuremap of 2 dimensions can only have no_preprocess"), std::string::npos) << flat;

  std::string skip = with(kMinimal, "calibration_parameters", "calibration_type", "skip");
  EXPECT_NO_THROW(load(with(skip, "calibration_parameters", "cal_data_dir", "~")));
  std::string both = with(kMinimal, "calibration_parameters", "run_on_cpu", "a; b");
  both = error_text(with(both, "calibration_parameters", "run_on_bpu", "b"));
  EXPECT_NE(both.find("'b' is in run_on_cpu, too"), std::string::npos) << both;
}

std::string with_types(const std::string& train, const std::string& rt) {
  return with(with(kMinimal, "input_parameters", "input_type_train", train), "input_parameters",
              "input_type_rt", rt);
}

// The matrix of the reference: what a model trained on a type may be given.
TEST(Config, EveryPairOfTypes) {
  const std::map<std::string, std::string> legal = {{"yuv444", "nv12 yuv444"},
                                                    {"rgb", "nv12 yuv444 rgb bgr"},
                                                    {"bgr", "nv12 yuv444 rgb bgr"},
                                                    {"gray", "gray"},
                                                    {"featuremap", "featuremap"}};
  for (const auto& [train, possible] : legal)
    for (const char* rt : {"nv12", "yuv444", "rgb", "bgr", "gray", "featuremap"}) {
      const std::string text = with_types(train, rt);
      if ((" " + possible + " ").find(fmt::format(" {} ", rt)) != std::string::npos) {
        const Config c = load(text);
        expect_equal(c, load(effective_yaml(c)));
        for (const char* layout : {"NCHW", "NHWC"})
          EXPECT_EQ(load(with(text, "input_parameters", "input_layout_rt", layout)).inputs[0].nhwc_rt,
                    std::string(layout) == "NHWC" && std::string(rt) != "nv12");
        continue;
      }
      const std::string wrong = error_text(text);
      EXPECT_NE(wrong.find(fmt::format(
                    "input_type_rt {} and input_type_train {} is not supported; a model trained on {} "
                    "takes: ",
                    rt, train, train)),
                std::string::npos)
          << wrong;
      EXPECT_NE(wrong.find(possible.substr(0, possible.find(' '))), std::string::npos) << wrong;
    }
}

TEST(Config, Nv12) {
  const std::string nv12 = with_types("bgr", "nv12");
  const Config c = load(with(nv12, "input_parameters", "input_space_and_range", "bt601_video"));
  EXPECT_TRUE(c.inputs[0].bt601_video);
  EXPECT_EQ(effective_yaml(load(effective_yaml(c))), effective_yaml(c));
  EXPECT_TRUE(load(effective_yaml(c)).inputs[0].bt601_video);
  EXPECT_FALSE(c.inputs[0].idle_layout_rt);
  EXPECT_TRUE(load(with(nv12, "input_parameters", "input_layout_rt", "NHWC")).inputs[0].idle_layout_rt);
  for (const char* shape : {"1x3x5x4", "1x3x4x5"})
    EXPECT_NE(error_text(with(nv12, "input_parameters", "input_shape", shape)).find("must be even"),
              std::string::npos);
  EXPECT_NO_THROW(load(with(nv12, "input_parameters", "input_shape", "1x3x4x6")));
  EXPECT_NE(error_text(with(with_types("yuv444", "nv12"), "input_parameters", "input_space_and_range",
                            "bt601_video"))
                .find("not nv12 and yuv444"),
            std::string::npos);
  const std::string batch =
      with(with(nv12, "input_parameters", "input_shape", "2x3x4x4"), "input_parameters", "input_batch", "2");
  EXPECT_NE(error_text(batch).find("needs an input_shape that begins with 1, not 2x3x4x4"), std::string::npos)
      << error_text(batch);
  EXPECT_EQ(load(with(nv12, "input_parameters", "input_batch", "4096")).input_batch, 4096);
}

TEST(Config, InputSource) {
  const auto source = [](const Config& c, size_t i) { return source_of(c, c.inputs[i]); };
  Config c = load(with_types("rgb", "nv12"));
  EXPECT_EQ(source(c, 0), InputSource::pyramid);
  EXPECT_EQ(source(load(with_types("gray", "gray")), 0), InputSource::pyramid);
  EXPECT_EQ(source(load(kMinimal), 0), InputSource::ddr);
  c = load(with(with_types("rgb", "nv12"), "compiler_parameters", "input_source", "{\"data\": \"resizer\"}"));
  EXPECT_EQ(source(c, 0), InputSource::resizer);
  EXPECT_EQ(effective_yaml(load(effective_yaml(c))), effective_yaml(c));
  EXPECT_EQ(source(load(effective_yaml(c)), 0), InputSource::resizer);
  // Several inputs by name; those that are not named keep their defaults.
  std::string two = with(with_types("rgb; gray", "nv12; gray"), "input_parameters", "input_name", "a; it's");
  two = with(with(two, "input_parameters", "input_layout_train", "NCHW; NCHW"), "calibration_parameters",
             "cal_data_dir", "x; y");
  c = load(with(two, "compiler_parameters", "input_source", "{a: ddr}"));
  EXPECT_EQ(source(c, 0), InputSource::ddr);
  EXPECT_EQ(source(c, 1), InputSource::pyramid);
  EXPECT_EQ(source(load(effective_yaml(c)), 0), InputSource::ddr);
  const std::string wrong = error_text(with(two, "compiler_parameters", "input_source", "{aa: ddr}"));
  EXPECT_NE(wrong.find("'aa' is not in input_name. Did you mean 'a'?"), std::string::npos) << wrong;
}

TEST(Config, ReportsAllErrorsWithLines) {
  const std::string text = error_text(
      "model_parameters:\n"
      "  onnx_modle: net.onnx\n"
      "  march: bayas\n"
      "  march: bayes\n"
      "input_parameters:\n"
      "  input_type_train: bgr\n"
      "  input_type_rt: nv21\n"
      "clibration_parameters:\n"
      "  cal_data_dir: x\n");
  for (const char* part :
       {"has 9 errors", "line 2: unknown key 'onnx_modle' in 'model_parameters'. Did you mean 'onnx_model'?",
        "line 1: 'onnx_model' is missing", "line 3: 'march': 'bayas'",
        "line 4: 'march' is given twice, first in line 3", "line 5: 'input_layout_train' is missing",
        "line 7: 'input_type_rt': 'nv21' is none of",
        "line 8: unknown group 'clibration_parameters'. Did you mean 'calibration_parameters'?",
        "the group 'calibration_parameters' is missing", "the group 'compiler_parameters' is missing"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(Config, FileErrors) {
  EXPECT_EQ(error_code("model_parameters: [unclosed\n"), ErrorCode::config_parse);
  EXPECT_NE(error_text("a:\n\t- b: : c\n").find("line 2"), std::string::npos);
  EXPECT_EQ(error_code("just text"), ErrorCode::config_parse);
  EXPECT_EQ(error_code("- a\n- b\n"), ErrorCode::config_parse);
  EXPECT_EQ(error_code("# nothing\n"), ErrorCode::config_parse);
  EXPECT_EQ(error_code(""), ErrorCode::config_parse);
  EXPECT_EQ(error_code(std::string(2 << 20, '#')), ErrorCode::config_parse);
  const TemporaryFolder folder;
  const std::string empty = (folder.path() / "empty.yaml").string();
  std::ofstream(empty, std::ios::binary).flush();
  EXPECT_THROW(load_config(empty), Error);
  try {
    load_config("/nonexistent/config.yaml");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::file_missing);
  }
}

TEST(Config, CaffeModels) {
  const auto without_onnx = [](const std::string& key, const std::string& value) {
    return with(with(kMinimal, "model_parameters", "onnx_model", "''"), "model_parameters", key, value);
  };
  const std::string whole =
      with(without_onnx("prototxt", "a.prototxt"), "model_parameters", "caffe_model", "b.caffemodel");
  const Config c = load(whole);
  EXPECT_TRUE(c.is_caffe());
  EXPECT_EQ(c.prototxt, "a.prototxt");
  EXPECT_EQ(c.caffe_model, "b.caffemodel");
  expect_equal(c, load(effective_yaml(c)));
  EXPECT_FALSE(load(kMinimal).is_caffe());
  EXPECT_NE(error_text(without_onnx("prototxt", "a.prototxt")).find("'caffe_model' is missing"),
            std::string::npos);
  EXPECT_NE(error_text(without_onnx("caffe_model", "b")).find("'prototxt' is missing"), std::string::npos);
  EXPECT_NE(error_text(without_onnx("march", "bayes")).find("'prototxt' and 'caffe_model'"),
            std::string::npos);
  EXPECT_EQ(error_code(with(whole, "model_parameters", "onnx_model", "net.onnx")),
            ErrorCode::config_bad_value);
}

TEST(Config, PathsBesideTheFileComeFirst) {
  const TemporaryFolder folder;
  fs::create_directories(folder.path() / "data");
  std::ofstream(folder.path() / "net.onnx") << "x";
  std::ofstream(folder.path() / "config.yaml")
      << with(kMinimal, "calibration_parameters", "cal_data_dir", "./data");
  const Config c = load_config((folder.path() / "config.yaml").string());
  EXPECT_EQ(c.onnx_model, (folder.path() / "net.onnx").string());
  EXPECT_EQ(c.inputs[0].cal_dir, (folder.path() / "data").string());
  EXPECT_EQ(c.working_dir, "model_output");
}

TEST(Config, DocumentationIsTheTable) {
  std::stringstream committed;
  committed << std::ifstream(OPENHB_DOCS "/configuration.md").rdbuf();
  const std::string expected = configuration_markdown();
  if (committed.str() != expected) {
    std::ofstream("configuration.md") << expected;
    FAIL() << "docs/configuration.md is out of date; what it should be was written to configuration.md in "
           << fs::current_path();
  }
}

TEST(Config, TableIsSound) {
  for (const Key& key : keys()) {
    EXPECT_FALSE(key.help.empty()) << key.name;
    EXPECT_EQ(std::count_if(keys().begin(), keys().end(), [&](const Key& k) { return k.name == key.name; }),
              1);
    EXPECT_EQ(key.set == nullptr, key.show == nullptr) << key.name;
    EXPECT_EQ(key.set_input == nullptr, key.show_input == nullptr) << key.name;
    if (!key.available) {
      EXPECT_TRUE(!key.set && !key.set_input) << key.name;
    }
    EXPECT_FALSE(key.required && !key.fallback.empty()) << key.name;
  }
}

}  // namespace
}  // namespace openhb::config
