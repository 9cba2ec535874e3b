// SPDX-License-Identifier: Apache-2.0
// The modes of hrt_model_exec on small programs: their text, their files, their errors.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "common/io/file.h"
#include "common/program/file.h"
#include "device/tools/model_exec/classify.h"
#include "device/tools/model_exec/dump.h"
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
      infer(options_, load_models(options_), out);
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
  p.inputs[0].source = InputSource::resizer;
  p.inputs[0].bt601_video = video;
  return p;
}

TEST_F(ModelExec, Nv12) {
  write_program(path("nv12.bin"), nv12_program(1, false));
  write_program(path("video.bin"), nv12_program(1, true));
  write_program(path("two.bin"), nv12_program(2, false));
  options_.model_file = path("nv12.bin");
  const std::string text = model_info(load_models(options_), "");
  EXPECT_NE(
      text.find(
          "input source: HB_DNN_INPUT_FROM_RESIZER\nvalid shape: (1,3,6,10,)\naligned shape: (1,3,6,16,)\n"
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
  const std::string text = model_info(load_models(options_), "");
  EXPECT_TRUE(text.starts_with("This model file has 1 model:\n[quantized_network]\n-----")) << text;
  EXPECT_NE(
      text.find(
          "[model name]: quantized_network\n\ninput[0]:\nname: picture\n"
          "input source: HB_DNN_INPUT_FROM_DDR\nvalid shape: (1,3,8,8,)\naligned shape: (1,4,8,8,)\n"
          "aligned byte size: 256\ntensor type: HB_DNN_IMG_TYPE_RGB\ntensor layout: HB_DNN_LAYOUT_NCHW\n"
          "quanti type: NONE\nstride: (256,1,32,4,)\n\noutput[0]:\nname: scores\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("output[1]:\nname: sum\nvalid shape: (1,12,8,8,)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("quanti type: SCALE\nstride: (768,1,96,12,)\nscale data: 0.06,\nzero point data: 1,\n"
                      "quantizeAxis: -1\n-----"),
            std::string::npos)
      << text;
  EXPECT_TRUE(text.ends_with("-\nhbDNNRelease success!\n")) << text;
}

TEST_F(ModelExec, SeveralModels) {
  options_.model_file = path("quantized_network.bin") + "," + path("float_network.bin");
  const auto models = load_models(options_);
  EXPECT_TRUE(model_info(models, "")
                  .starts_with("This model file has 2 model:\n[quantized_network] [float_network]\n"));
  EXPECT_EQ(model_info(models, "float_network").find("[model name]: quantized_network"), std::string::npos);
  EXPECT_THROW(select_model(models, ""), Error);
  EXPECT_THROW(select_model(models, "float_netwrok"), Error);
  options_.model_file += "," + path("float_network.bin");
  EXPECT_THROW(load_models(options_), Error);
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
  EXPECT_EQ(std::distance(fs::directory_iterator(path("dumps")), {}), 8);
  options_.dump_intermediate = 3;
  run();
  EXPECT_EQ(std::distance(fs::directory_iterator(path("dumps")), {}), 16);
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
  EXPECT_EQ(tensor_text(t, 9, 0), "1 2 3 4 5 6\n");
  EXPECT_EQ(tensor_text(t, 9, 1), "1 2 3\n4 5 6\n");
  EXPECT_EQ(tensor_text(t, 9, 3), "1\n2\n3\n4\n5\n6\n");
  EXPECT_EQ(tensor_text(t, 9, 8), tensor_text(t, 9, -1));
  EXPECT_EQ(tensor_text(Tensor::from<float>({2}, std::vector<float>{1.5f, -0.25f}), 2, 1), "1.50\n-0.25\n");
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
  const Tensor codes = Tensor::from<int8_t>({1, 3, 2}, std::vector<int8_t>{5, 6, 5, 6, 5, 6});
  const Tensor real = dequantize(desc, codes);
  EXPECT_EQ(std::vector<float>(real.data<float>().begin(), real.data<float>().end()),
            (std::vector<float>{5, 6, 40, 50, 300, 400}));
}

}  // namespace
}  // namespace openhb::model_exec
