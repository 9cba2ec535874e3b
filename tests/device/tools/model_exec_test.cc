// SPDX-License-Identifier: Apache-2.0
// The modes of hrt_model_exec on small programs: their text, their files, their errors.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/io/file.h"
#include "common/program/file.h"
#include "device/dnn/tensor_file.h"
#include "device/tools/model_exec/bin_dump.h"
#include "device/tools/model_exec/classify.h"
#include "device/tools/model_exec/infer.h"
#include "device/tools/model_exec/inputs.h"
#include "device/tools/model_exec/model_info.h"
#include "tests/device/engine/sample_programs.h"

namespace openhb::model_exec {
namespace {

namespace fs = std::filesystem;

std::string white_bmp(uint32_t width, uint32_t height) {  // 24 bits, rows of a multiple of 4 bytes
  std::string bmp = "BM";
  const auto number = [&](uint32_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) bmp += static_cast<char>(v >> (8 * i) & 255u);
  };
  const uint32_t size = width * height * 3;
  number(54 + size, 4), number(0, 4), number(54, 4), number(40, 4), number(width, 4), number(height, 4);
  number(1, 2), number(24, 2), number(0, 4), number(size, 4);
  for (int i = 0; i < 4; ++i) number(0, 4);
  return bmp + std::string(size, '\xff');
}

class ModelExec : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + fmt::format("openhb_model_exec_{}", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    for (const Program& p : testing::sample_programs()) write_program(path(p.name + ".bin"), p);
    options_.mode = Mode::infer;
    options_.dump_path = path("dumps");
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  // What infer prints.
  std::string run() {
    std::FILE* out = std::fopen(path("out").c_str(), "w");
    try {
      options_.mode == Mode::bin_dump ? bin_dump(options_, Package(options_.model_file), out)
                                      : infer(options_, Package(options_.model_file), out, &json_);
    } catch (...) {
      std::fclose(out);
      throw;
    }
    std::fclose(out);
    return read_text_file(path("out"));
  }
  std::pair<ErrorCode, std::string> error() {
    try {
      run();
    } catch (const Error& e) {
      return {e.code(), e.what()};
    }
    return {ErrorCode{0}, "no error"};
  }
  void use_float_network() {
    options_.model_file = path("float_network.bin");
    std::string numbers;
    for (int i = 0; i < 4 * 9 * 7; ++i) numbers += std::to_string(i % 13 - 6) + (i % 7 == 6 ? "\n" : " ");
    write_file_atomically(path("x.txt"), numbers + "99 surplus");
    options_.input_file = path("x.txt");
  }

  std::string folder_;
  Options options_;
  nlohmann::ordered_json json_;
};

// Pictures of 6 x 10 as nv12, at rows of 16; the result is what NV12TOYUV444 makes of them.
Program nv12_program(int64_t batch, bool video) {
  testing::ProgramBuilder b("nv12");
  const uint32_t picture = b.tensor("picture", DType::u8, {batch, 1, 9, 10}, {}, {0, 1, 2, 3}, 16);
  const uint32_t full = b.tensor("full", DType::f32, {batch, 6, 10, 3}, {}, {0, 1, 2, 3});
  b.step(Nv12Params{}, {picture}, full);
  b.input(picture, InputKind::nv12);
  b.output(full);
  Program p = b.finish();
  p.inputs[0].source = InputSource::pyramid;
  p.inputs[0].bt601_video = video;
  return p;
}

TEST_F(ModelExec, Nv12) {
  write_program(path("nv12.bin"), nv12_program(1, false));
  write_program(path("video.bin"), nv12_program(1, true));
  write_program(path("two.bin"), nv12_program(2, false));
  options_.model_file = path("nv12.bin");
  const std::string text = model_info(Package(options_.model_file), "");
  EXPECT_NE(
      text.find(
          "input source: HB_DNN_INPUT_FROM_PYRAMID\nvalid shape: (1,3,6,10,)\naligned shape: (1,3,6,16,)\n"
          "aligned byte size: 144\ntensor type: HB_DNN_IMG_TYPE_NV12\ntensor layout: HB_DNN_LAYOUT_NCHW\n"
          "quanti type: NONE\nstride: (0,0,0,0,)\n"),
      std::string::npos)
      << text;
  // A white picture and its bytes.
  write_file_atomically(path("white.bmp"), white_bmp(4, 4));
  const auto luma = [&](const char* model) {
    options_.model_file = path(model);
    options_.input_file = path("white.bmp");
    options_.enable_dump = true;
    run();
    const auto bytes = read_file(path("dumps/model_infer_output_0.bin"));
    float first[2];
    EXPECT_EQ(bytes.size(), size_t{6 * 10 * 3 * 4});
    std::memcpy(first, bytes.data(), sizeof first);
    EXPECT_EQ(first[1], 0);
    return first[0];
  };
  EXPECT_EQ(luma("nv12.bin"), 127);
  EXPECT_EQ(luma("video.bin"), 235 - 128);
  write_file_atomically(path("raw.bin"), std::string(90, '\x80'));
  options_.input_file = path("raw.bin");
  EXPECT_NE(run().find("file length: 90"), std::string::npos);
  options_.model_file = path("two.bin");
  EXPECT_NE(error().second.find("needs 180 bytes, file '"), std::string::npos) << error().second;
  options_.input_file = path("white.bmp");
  EXPECT_NE(error().second.find("give a .bin of all its elements"), std::string::npos) << error().second;
}

TEST_F(ModelExec, ModelInfo) {
  options_.model_file = path("quantized_network.bin");
  const std::string text = model_info(Package(options_.model_file), "");
  EXPECT_TRUE(text.starts_with("This model file has 1 model:\n[quantized_network]\n-----")) << text;
  EXPECT_NE(
      text.find(
          "[model name]: quantized_network\n\ninput[0]:\nname: picture\n"
          "input source: HB_DNN_INPUT_FROM_DDR\nvalid shape: (1,3,8,8,)\naligned shape: (1,3,8,8,)\n"
          "aligned byte size: 192\ntensor type: HB_DNN_IMG_TYPE_RGB\ntensor layout: HB_DNN_LAYOUT_NCHW\n"
          "quanti type: NONE\nstride: (192,64,8,1,)\n\noutput[0]:\nname: scores\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("output[1]:\nname: sum\nvalid shape: (1,12,8,8,)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("quanti type: SCALE\nstride: (768,64,8,1,)\nscale data: 0.06,\nzero point data: 1,\n"
                      "quantizeAxis: -1\n-----"),
            std::string::npos)
      << text;
  EXPECT_TRUE(text.ends_with("-\nhbDNNRelease success!\n")) << text;
}

TEST_F(ModelExec, SeveralModels) {
  options_.model_file = path("quantized_network.bin") + "," + path("float_network.bin");
  {
    const Package models(options_.model_file);
    EXPECT_TRUE(model_info(models, "")
                    .starts_with("This model file has 2 model:\n[quantized_network] [float_network]\n"));
    nlohmann::ordered_json json;
    EXPECT_EQ(model_info(models, "float_network", &json).find("[model name]: quantized_network"),
              std::string::npos);
    EXPECT_EQ(json["models"][0]["inputs"][0]["tensor_type"], "HB_DNN_TENSOR_TYPE_F32") << json;
    EXPECT_THROW(models.select(""), Error);
    EXPECT_THROW(models.select("float_netwrok"), Error);
  }
  EXPECT_THROW(Package(options_.model_file + "," + path("float_network.bin")), Error);
}

TEST_F(ModelExec, InferFromTextAndClasses) {
  use_float_network();
  options_.enable_cls_post_process = true;
  options_.top_k = 2;
  write_file_atomically(path("labels"), "zero\none\r\ntwo\nthree\nfour");
  options_.label_file = path("labels");
  const std::string text = run();
  EXPECT_TRUE(text.starts_with("get model handle success\nget model input count success\nfile length: "))
      << text;
  EXPECT_NE(text.find("read file success!\nget model output count success\nprepare output tensor success\n"
                      "infer success\ntask done\n\n----------------------------------------\nInfer time: "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("class result: [id]"), text.rfind("class result: [id]")) << text;
  EXPECT_NE(text.find(", [label]"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("hbDNNRelease success!\n")) << text;
  EXPECT_FALSE(fs::exists(options_.dump_path));
}

TEST_F(ModelExec, DumpsInputsAndOutputs) {
  use_float_network();
  options_.enable_dump = true;
  const std::string text = run();
  EXPECT_NE(text.find("Dump path: " + path("dumps/model_infer_input_0.bin") + "\n"), std::string::npos)
      << text;
  EXPECT_EQ(read_file(path("dumps/model_infer_input_0.bin")).size(), 4u * 9 * 7 * 4);
  EXPECT_EQ(read_file(path("dumps/model_infer_output_0.bin")).size(), 5u * 4);
  // The same from the dump of the input.
  fs::copy_file(path("dumps/model_infer_input_0.bin"), path("again.bin"));
  const auto first = read_file(path("dumps/model_infer_output_0.bin"));
  options_.input_file = path("again.bin");
  options_.frame_count = 3;
  options_.thread_num = 2;
  run();
  EXPECT_EQ(read_file(path("dumps/model_infer_output_0.bin")), first);
  options_.dump_format = "txt";
  options_.dump_precision = 3;
  options_.dump_txt_axis = 1;
  run();
  const std::string scores = read_text_file(path("dumps/model_infer_output_0.txt"));
  EXPECT_EQ(scores.size(), 5u * 6);  // "0.123 " five times
  EXPECT_EQ(std::count(scores.begin(), scores.end(), '\n'), 1);
}

TEST_F(ModelExec, DumpsIntermediateTensors) {
  use_float_network();
  options_.dump_intermediate = 1;
  run();
  EXPECT_EQ(read_file(path("dumps/block_conv.bin")).size(), 8u * 9 * 7 * 4);
  EXPECT_EQ(read_file(path("dumps/logits.bin")).size(), 5u * 4);
  EXPECT_EQ(read_file(path("dumps/x.bin")).size(), 4u * 9 * 7 * 4);  // the input
  EXPECT_EQ(std::distance(fs::directory_iterator(path("dumps")), {}), 9 + 1);
  options_.dump_intermediate = 3;
  run();
  EXPECT_EQ(std::distance(fs::directory_iterator(path("dumps")), {}), 18 + 1);
}

// Every file that the index names has the size that the index says, and every file is in the index.
TEST_F(ModelExec, IndexOfDumps) {
  options_.model_file = path("quantized_network.bin");
  write_file_atomically(path("picture.bin"), std::string(192, 'a'));
  options_.input_file = path("picture.bin");
  options_.enable_dump = true;
  for (const int level : {1, 2, 3}) {
    fs::remove_all(path("dumps"));
    options_.dump_intermediate = level;
    run();
    const auto index = nlohmann::json::parse(read_text_file(path("dumps/dump_index.json")));
    EXPECT_EQ(index["model"], "quantized_network");
    size_t files = 1;
    bool found = false;
    for (const auto& row : index["tensors"]) {
      const auto shape = row["shape"].get<Shape>();
      const auto dtype = row["dtype"].get<std::string>();
      const int64_t size = dtype == "float32" || dtype == "int32" ? 4 : 1;
      EXPECT_EQ(static_cast<int64_t>(read_file(path("dumps/" + row["files"][0].get<std::string>())).size()),
                num_elements(shape) * size)
          << row;
      files += row["files"].size();
      if (row["kind"] != "tensor" || row["name"] != "features") continue;
      found = true;
      EXPECT_EQ(row["scale"][0].get<float>(), 0.05f);
      EXPECT_EQ(row["zero_point"][0], -128);
      EXPECT_TRUE(row["step"].get<std::string>().starts_with("Conv of ")) << row;
    }
    EXPECT_TRUE(found);
    EXPECT_EQ(std::distance(fs::directory_iterator(path("dumps")), {}), static_cast<ptrdiff_t>(files));
  }
}

// 2: BPU steps' tensors as they lie in memory, rows padded; 3: valid elements in ONNX order.
TEST_F(ModelExec, AlignedAndValid) {
  Program program = testing::quantized_network();
  for (Step& step : program.steps) step.backend = Backend::bpu;
  write_program(path("bpu.bin"), program);
  options_.model_file = path("bpu.bin");
  write_file_atomically(path("picture.bin"), std::string(192, 'a'));
  options_.input_file = path("picture.bin");
  const auto dumped = [&](int level) {
    options_.dump_intermediate = level;
    run();
    return std::pair(read_file(path("dumps/image.bin")), read_text_file(path("dumps/image.txt")));
  };
  const auto [aligned, aligned_text] = dumped(2);
  const auto [valid, valid_text] = dumped(3);
  ASSERT_EQ(aligned.size(), 8u * 8 * 4);  // N, H, W, 3 in rows of 4
  ASSERT_EQ(valid.size(), 3u * 8 * 8);
  for (size_t c = 0; c < 3; ++c)
    for (size_t i = 0; i < 64; ++i) EXPECT_EQ(valid[c * 64 + i], aligned[i * 4 + c]);
  EXPECT_EQ(std::count(aligned_text.begin(), aligned_text.end(), '\n'), 8 * 8 * 4);
  EXPECT_EQ(std::count(valid_text.begin(), valid_text.end(), '\n'), 3 * 8 * 8);
  // Steps in float are valid elements always.
  program.steps[0].backend = Backend::cpu;
  write_program(path("bpu.bin"), program);
  EXPECT_EQ(dumped(2).first, valid);
}

TEST_F(ModelExec, IntermediateRealNumbers) {
  options_.model_file = path("quantized_network.bin");
  write_file_atomically(path("picture.bin"), std::string(192, 'a'));
  options_.input_file = path("picture.bin");
  options_.dump_intermediate = 1;
  run();
  const auto codes = read_file(path("dumps/features.bin"));
  options_.hybrid_dequantize_process = true;
  run();
  const auto real = read_file(path("dumps/features_float.bin"));
  ASSERT_EQ(real.size(), codes.size() * 4);
  for (size_t i = 0; i < codes.size(); ++i) {
    float value = 0;
    std::memcpy(&value, &real[i * 4], 4);
    EXPECT_EQ(value, static_cast<float>(static_cast<int8_t>(codes[i]) + 128) * 0.05f);
  }
}

TEST_F(ModelExec, HybridDequantizeGivesRealNumbers) {
  options_.model_file = path("quantized_network.bin");
  write_file_atomically(path("picture.bin"), std::string(192, 'a'));
  options_.input_file = path("picture.bin");
  options_.enable_dump = true;
  run();
  EXPECT_EQ(read_file(path("dumps/model_infer_output_1.bin")).size(), 768u);
  const auto codes = read_file(path("dumps/model_infer_output_1.bin"));
  options_.hybrid_dequantize_process = true;
  run();
  const auto bytes = read_file(path("dumps/model_infer_output_1.bin"));
  ASSERT_EQ(bytes.size(), 768u * 4);
  for (size_t i = 0; i < codes.size(); ++i) {
    float real = 0;
    std::memcpy(&real, bytes.data() + i * 4, 4);
    EXPECT_EQ(real, static_cast<float>(static_cast<int8_t>(codes[i]) - 1) * 0.06f);
  }
}

TEST_F(ModelExec, HybridDequantizeIsForFourDimensions) {
  testing::ProgramBuilder b("flat");
  const uint32_t x = b.tensor("x", DType::f32, {2, 3});
  const uint32_t codes = b.tensor("codes", DType::i8, {2, 3}, {{0.5f}, {0}, -1});
  b.step(QuantizeParams{}, {x}, codes);
  b.input(x);
  b.output(codes);
  write_program(path("flat.bin"), b.finish());
  options_.model_file = path("flat.bin");
  write_file_atomically(path("x.txt"), "1 2 3 4 5 6");
  options_.input_file = path("x.txt");
  options_.enable_dump = options_.hybrid_dequantize_process = true;
  ::testing::internal::CaptureStderr();
  run();
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("output 'codes' has 2 dimensions"),
            std::string::npos);
  EXPECT_EQ(read_file(path("dumps/model_infer_output_0.bin")).size(), 6u);
}

TEST_F(ModelExec, RawPictures) {
  write_program(path("nv12.bin"), nv12_program(1, false));
  options_.model_file = path("nv12.bin");
  options_.enable_dump = true;
  const auto output = [&](const char* name, const std::string& bytes) {
    write_file_atomically(path(name), bytes);
    options_.input_file = path(name);
    run();
    return read_file(path("dumps/model_infer_output_0.bin"));
  };
  std::string dense, padded;  // 6 rows of luma, 3 of chroma
  for (char y = 0; y < 9; ++y) {
    dense += std::string(10, y);
    padded += std::string(10, y) + std::string(6, '\x7f');
  }
  const auto expected = output("picture.bin", dense);
  EXPECT_EQ(output("picture.nv12", dense), expected);
  EXPECT_EQ(output("picture.yuv", dense), expected);
  EXPECT_EQ(output("padded.bin", padded), expected);  // as memory has it
  options_.model_file = path("quantized_network.bin");
  options_.input_file = path("picture.yuv");
  EXPECT_NE(error().second.find("neither nv12 nor gray"), std::string::npos) << error().second;
}

TEST_F(ModelExec, RegionsOfPictures) {
  Program program = nv12_program(1, false);
  program.inputs[0].source = InputSource::resizer;
  write_program(path("regions.bin"), program);
  options_.model_file = path("regions.bin");
  // 20 x 12 of luma 100, but 6 x 10 of luma 200 at (4, 2).
  std::string picture;
  for (int y = 0; y < 12; ++y)
    for (int x = 0; x < 20; ++x)
      picture += static_cast<char>(x >= 4 && x < 14 && y >= 2 && y < 8 ? 200 : 100);
  picture += std::string(20 * 6, '\x80');
  write_file_atomically(path("street_20x12.nv12"), picture);
  options_.input_file = path("street_20x12.nv12");
  EXPECT_NE(error().second.find("--roi_infer=true"), std::string::npos) << error().second;
  options_.roi_infer = true;
  EXPECT_NE(error().second.find("--roi has 0 regions; 1 samples with 1 resizer inputs need 1"),
            std::string::npos)
      << error().second;
  options_.roi = "4,2,13,7";
  options_.enable_dump = true;
  const auto luma = [&](size_t sample) {
    const auto bytes = read_file(path("dumps/model_infer_output_0.bin"));
    std::vector<float> values(bytes.size() / 4);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    std::vector<float> found;
    for (size_t i = 0; i < 60; ++i) found.push_back(values[(sample * 60 + i) * 3]);
    return found;
  };
  run();
  EXPECT_EQ(luma(0), std::vector<float>(60, 200 - 128));
  // Two samples, each with its own file and region.
  options_.input_file += "," + path("street_20x12.nv12");
  options_.roi = "4,2,13,7;14,2,19,11";
  run();
  EXPECT_EQ(read_file(path("dumps/model_infer_output_0.bin")).size(), 2u * 60 * 3 * 4);
  EXPECT_EQ(luma(0), std::vector<float>(60, 200 - 128));
  EXPECT_EQ(luma(1), std::vector<float>(60, 100 - 128));
  for (const char* bad : {"4,2,13", "4,2,13,x", "4;2;13;7"}) {
    options_.roi = bad;
    EXPECT_EQ(error().first, ErrorCode::usage) << bad;
  }
  options_.roi = "4,2,13,7;24,2,29,11";  // outside
  EXPECT_EQ(error().first, ErrorCode::usage);
  options_.roi = "4,2,13,7;14,2,19,11";
  write_file_atomically(path("nameless.nv12"), picture);
  options_.input_file = path("nameless.nv12") + "," + path("nameless.nv12");
  EXPECT_NE(error().second.find("name it like street_1920x1080.nv12"), std::string::npos) << error().second;
  options_.model_file = path("float_network.bin");
  EXPECT_NE(error().second.find("no input of model"), std::string::npos) << error().second;
}

// Three samples of a model for two: what fills up the second run is dumped, not classified.
TEST_F(ModelExec, RegionsFillBatches) {
  Program program = nv12_program(2, false);
  program.inputs[0].source = InputSource::resizer;
  write_program(path("two.bin"), program);
  options_.model_file = path("two.bin");
  for (int i = 0; i < 3; ++i)
    write_file_atomically(path(fmt::format("p{}_10x6.nv12", i)),
                          std::string(60, static_cast<char>(10 * i)) + std::string(30, '\x80'));
  options_.input_file = path("p0_10x6.nv12") + "," + path("p1_10x6.nv12") + "," + path("p2_10x6.nv12");
  options_.roi_infer = options_.enable_dump = options_.enable_cls_post_process = true;
  options_.roi = "0,0,9,5;0,0,9,5;0,0,9,5";
  const std::string text = run();
  const auto bytes = read_file(path("dumps/model_infer_output_0.bin"));
  ASSERT_EQ(bytes.size(), 4u * 180 * 4);
  for (size_t i = 0; i < 3; ++i) {
    float luma = 0;
    std::memcpy(&luma, &bytes[i * 180 * 4], 4);
    EXPECT_EQ(luma, static_cast<float>(10 * i) - 128);
  }
  EXPECT_EQ(json_["classes"].size(), 3u) << text;
}

TEST_F(ModelExec, BinDump) {
  use_float_network();
  options_.mode = Mode::bin_dump;
  write_file_atomically(path("map.json"), R"({"part/a": {"output": "scores", "shape": [1, 5]}})");
  options_.conv_mapping_file = path("map.json");
  options_.conv_dump_path = path("results");
  EXPECT_EQ(error().first, ErrorCode::file_missing);
  fs::create_directory(path("results"));
  const std::string text = run();
  EXPECT_TRUE(text.starts_with(
      "hbDNNGetModelNameList success\nget model handle success\nget model input count success\n"
      "prepare input tensor success!\nfile length: "))
      << text;
  EXPECT_TRUE(
      text.ends_with("read file success!\nget model output count success\nprepare output tensor success\n"
                     "infer success\ntask done\n"))
      << text;
  EXPECT_EQ(read_file(path("results/part_a_float.bin")).size(), 5u * 4);
  EXPECT_FALSE(fs::exists(path("results/scores_float.bin")));
  // A convolution whose result the network has as an output anyway has both files.
  write_file_atomically(path("map.json"), R"({"part/a": {"output": "scores", "model_output": true}})");
  run();
  EXPECT_EQ(read_file(path("results/part_a_float.bin")), read_file(path("results/scores_float.bin")));
  for (const char* bad : {"[]", "{", R"({"a": 1})", R"({"a": {"result": "b"}})"}) {
    write_file_atomically(path("map.json"), bad);
    EXPECT_EQ(error().first, ErrorCode::data_bad_value) << bad;
  }
  write_file_atomically(path("map.json"), R"({"a": "nowhere"})");
  EXPECT_EQ(error().first, ErrorCode::data_missing);
  EXPECT_NE(error().second.find("layer_out_dump: True"), std::string::npos) << error().second;
}

TEST_F(ModelExec, Json) {
  use_float_network();
  options_.enable_cls_post_process = options_.enable_dump = true;
  options_.top_k = 2;
  run();
  EXPECT_EQ(json_["model"], "float_network");
  EXPECT_EQ(json_["dumps"].size(), 2u);
  ASSERT_EQ(json_["classes"].size(), 2u);
  EXPECT_GE(json_["classes"][0]["score"].get<double>(), json_["classes"][1]["score"].get<double>());
}

TEST_F(ModelExec, PicturesAreResized) {
  // A 2 x 2 portable picture is none that we read; a PNG of one red pixel is.
  const unsigned char png[] = {
      0x89, 'P',  'N',  'G', '\r', '\n', 0x1a, '\n', 0,    0,    0,    13,   'I',  'H',  'D',  'R',  0, 0,
      0,    1,    0,    0,   0,    1,    8,    2,    0,    0,    0,    0x90, 0x77, 0x53, 0xde, 0,    0, 0,
      12,   'I',  'D',  'A', 'T',  0x08, 0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0,    0,    0x03, 0x01, 0x01, 0, 0x18,
      0xdd, 0x8d, 0xb0, 0,   0,    0,    0,    'I',  'E',  'N',  'D',  0xae, 0x42, 0x60, 0x82};
  write_file_atomically(path("red.png"), std::as_bytes(std::span(png)));
  options_.model_file = path("quantized_network.bin");
  options_.input_file = path("red.png");
  options_.enable_dump = true;
  run();
  const auto bytes = read_file(path("dumps/model_infer_input_0.bin"));
  ASSERT_EQ(bytes.size(), 192u);
  for (size_t i = 0; i < 192; ++i) EXPECT_EQ(bytes[i], i < 64 ? std::byte{255} : std::byte{0}) << i;
}

TEST_F(ModelExec, BadInputsAreNamed) {
  use_float_network();
  write_file_atomically(path("short.bin"), std::string(100, 'x'));
  write_file_atomically(path("short.txt"), "1 2 3");
  write_file_atomically(path("words.txt"), "1 2 three");
  const std::string model = options_.model_file;
  const std::vector<std::tuple<std::string, ErrorCode, std::string>> cases = {
      {"short.bin", ErrorCode::data_bad_size, "needs 1008 bytes, file '" + path("short.bin") + "' has 100"},
      {"short.txt", ErrorCode::data_bad_size, "has 3 numbers, 252 are needed"},
      {"words.txt", ErrorCode::data_bad_value, "'three'"},
      {"none.bin", ErrorCode::file_missing, path("none.bin")},
      {"picture.jpg", ErrorCode::data_bad_value, "not a picture"},
      {"x.npz", ErrorCode::usage, ".txt"}};
  for (const auto& [file, code, part] : cases) {
    options_.input_file = path(file);
    const auto [found, sentence] = error();
    EXPECT_EQ(found, code) << sentence;
    EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
  }
  options_.input_file = path("x.txt") + "," + path("x.txt");
  EXPECT_EQ(error().first, ErrorCode::usage);
  options_.input_file = path("x.txt");
  options_.model_file = path("none.bin");
  EXPECT_EQ(error().first, ErrorCode::file_missing);
  options_.model_file = path("x.txt");
  EXPECT_EQ(error().first, ErrorCode::program_format);
}

TEST(ModelExecText, LinesEndAfterTheAxis) {
  const Tensor t = Tensor::from<int32_t>({2, 1, 3}, std::vector<int32_t>{1, 2, 3, 4, 5, 6});
  EXPECT_EQ(dnn::tensor_text(t, 9, 0), "1 2 3 4 5 6\n");
  EXPECT_EQ(dnn::tensor_text(t, 9, 1), "1 2 3\n4 5 6\n");
  EXPECT_EQ(dnn::tensor_text(t, 9, 3), "1\n2\n3\n4\n5\n6\n");
  EXPECT_EQ(dnn::tensor_text(t, 9, 8), dnn::tensor_text(t, 9, -1));
  EXPECT_EQ(dnn::tensor_text(Tensor::from<float>({2}, std::vector<float>{1.5f, -0.25f}), 2, 1),
            "1.50\n-0.25\n");
}

TEST(ModelExecText, ClassesInOrder) {
  const Tensor t = Tensor::from<float>({6}, std::vector<float>{NAN, 1, 3, 3, -1, 2});
  std::vector<size_t> ids;
  for (const ClassScore& c : best_classes(t, 0, 6, 10)) ids.push_back(c.id);
  EXPECT_EQ(ids, (std::vector<size_t>{2, 3, 5, 1, 4, 0}));
  EXPECT_EQ(classification_text(Tensor::from<float>({2, 2}, std::vector<float>{0, 1, 5, 2}), 1, {"a"}),
            "class result: [id]1, [score]1.0000, [label]?\nclass result: [id]0, [score]5.0000, [label]a\n");
}

TEST(ModelExecText, DequantizesPerChannelInOnnxOrder) {
  TensorDesc desc;
  desc.dtype = DType::i8;
  desc.dims = {1, 2, 3};  // stored as axes 0, 2, 1
  desc.order = {0, 2, 1};
  desc.pitch = 3;
  desc.quant = {{1, 10, 100}, {0, 1, 2}, 2};
  EXPECT_EQ(dnn::logical_quant(desc).axis, 1);
  const Tensor codes = Tensor::from<int8_t>({1, 3, 2}, std::vector<int8_t>{5, 6, 5, 6, 5, 6});
  const Tensor real = dnn::dequantize(codes, dnn::logical_quant(desc));
  EXPECT_EQ(std::vector<float>(real.data<float>().begin(), real.data<float>().end()),
            (std::vector<float>{5, 6, 40, 50, 300, 400}));
}

}  // namespace
}  // namespace openhb::model_exec
