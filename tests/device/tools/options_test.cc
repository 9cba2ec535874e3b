// SPDX-License-Identifier: Apache-2.0
#include "device/tools/model_exec/options.h"

#include <gtest/gtest.h>

#include "common/error.h"

namespace openhb::model_exec {
namespace {

CommandLine parse(std::vector<const char*> words) {
  words.insert(words.begin(), "hrt_model_exec");
  return parse_command_line(Tool::model_exec, static_cast<int>(words.size()), words.data());
}

std::string refused(std::vector<const char*> words) {
  try {
    parse(std::move(words));
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::usage) << e.what();
    return e.what();
  }
  return "accepted";
}

TEST(ModelExecOptions, BothFormsAndTheLastOneWins) {
  const auto line = parse({"infer", "--model_file=a.bin", "--model_file", "b.bin,c.bin", "--input_file",
                           "x.jpg", "--dump_precision=3", "--dump_precision", "5"});
  ASSERT_TRUE(line.options);
  EXPECT_EQ(line.options->mode, Mode::infer);
  EXPECT_EQ(line.options->model_file, "b.bin,c.bin");
  EXPECT_EQ(line.options->input_file, "x.jpg");
  EXPECT_EQ(line.options->dump_precision, 5);
  EXPECT_TRUE(line.notes.empty());
}

TEST(ModelExecOptions, Defaults) {
  const auto line = parse({"infer", "--model_file=a", "--input_file=b"});
  EXPECT_EQ(line.options->dump_precision, 9);
  EXPECT_EQ(line.options->dump_txt_axis, 4);
  EXPECT_EQ(line.options->dump_format, "bin");
  EXPECT_EQ(line.options->frame_count, 1);
  EXPECT_FALSE(line.options->enable_dump);
}

TEST(ModelExecOptions, Perf) {
  const auto line = parse({"perf", "--model_file=a", "--profile_path=.", "--core_id=0"});
  ASSERT_TRUE(line.options);
  EXPECT_EQ(line.options->mode, Mode::perf);
  EXPECT_EQ(line.options->frame_count, 200);
  EXPECT_EQ(line.options->thread_num, 1);
  EXPECT_EQ(line.options->perf_time, 0);
  EXPECT_EQ(line.options->profile_path, ".");
  EXPECT_TRUE(line.notes.empty());
  EXPECT_EQ(parse({"perf", "--model_file=a", "--frame_count=7"}).options->frame_count, 7);
  const auto notes = parse({"perf", "--model_file=a", "--perf_time=1", "--frame_count=7", "--thread_num=9",
                            "--core_id=1", "--enable_dump", "--input_file=b"})
                         .notes;
  const std::vector<std::string> expected = {"--enable_dump has no effect with perf",
                                             "--thread_num is reduced to 8",
                                             "--frame_count has no effect with --perf_time"};
  EXPECT_EQ(notes, expected);
  const auto infer = parse({"infer", "--model_file=a", "--input_file=b", "--profile_path=."});
  EXPECT_EQ(infer.notes, std::vector<std::string>{"--profile_path has no effect with infer"});
  EXPECT_EQ(infer.options->frame_count, 1);
  EXPECT_NE(refused({"perf", "--model_file=a", "--frame_count=0"}).find("measure"), std::string::npos);
  EXPECT_NE(refused({"perf", "--model_file=a", "--perf_time=-1"}).find("'-1'"), std::string::npos);
  EXPECT_NE(refused({"perf", "--model_file=a", "--profile_path="}).find("--profile_path"), std::string::npos);
  EXPECT_NE(refused({"perf"}).find("--model_file"), std::string::npos);
  EXPECT_NE(refused({"perv", "--model_file=a"}).find("Did you mean 'perf'"), std::string::npos);
}

TEST(ModelExecOptions, Booleans) {
  const auto dump = [](std::vector<const char*> words) {
    words.insert(words.begin(), {"infer", "--model_file=a", "--input_file=b"});
    return parse(words).options->enable_dump;
  };
  EXPECT_TRUE(dump({"--enable_dump"}));
  EXPECT_TRUE(dump({"--enable_dump", "true"}));
  EXPECT_TRUE(dump({"--enable_dump=1"}));
  EXPECT_FALSE(dump({"--enable_dump=false"}));
  EXPECT_FALSE(dump({"--enable_dump", "false"}));
  EXPECT_FALSE(dump({"--enable_dump=true", "--enable_dump=false"}));
  EXPECT_TRUE(dump({"--enable_dump", "--dump_format=txt"}));
  EXPECT_NE(refused({"infer", "--model_file=a", "--input_file=b", "--enable_dump=perhaps"}).find("'perhaps'"),
            std::string::npos);
}

TEST(ModelExecOptions, NegativeNumbers) {
  EXPECT_EQ(parse({"infer", "--model_file=a", "--input_file=b", "--dump_txt_axis=-1"}).options->dump_txt_axis,
            -1);
  EXPECT_EQ(
      parse({"infer", "--model_file=a", "--input_file=b", "--dump_txt_axis", "-1"}).options->dump_txt_axis,
      -1);
}

TEST(ModelExecOptions, HelpAndVersion) {
  EXPECT_NE(parse({}).text.find("--input_file"), std::string::npos);
  EXPECT_NE(parse({"-h"}).text.find("Examples:"), std::string::npos);
  EXPECT_NE(parse({"--help"}).text.find("[9]"), std::string::npos);
  EXPECT_TRUE(parse({"-v"}).text.starts_with("hrt_model_exec "));
  EXPECT_FALSE(parse({"--version"}).options);
}

TEST(ModelExecOptions, NotesAboutOptionsWithoutEffect) {
  const auto notes = [](std::vector<const char*> words) {
    words.insert(words.begin(), {"infer", "--model_file=a", "--input_file=b"});
    const auto line = parse(words);
    return line.notes.empty() ? std::string() : line.notes[0];
  };
  EXPECT_EQ(notes({"--core_id=1"}), "");
  EXPECT_NE(notes({"--roi=1,2,3,4"}).find("--roi_infer"), std::string::npos);
  EXPECT_NE(notes({"word"}).find("'word'"), std::string::npos);
  EXPECT_NE(notes({"--dump_format=txt"}).find("--enable_dump"), std::string::npos);
  EXPECT_NE(notes({"--thread_num=9"}).find("reduced to 8"), std::string::npos);
  const auto info = parse({"model_info", "--model_file=a", "--input_file=b"});
  ASSERT_EQ(info.notes.size(), 1u);
  EXPECT_EQ(info.notes[0], "--input_file has no effect with model_info");
}

TEST(ModelExecOptions, SpellingsAndRates) {
  EXPECT_EQ(parse({"perf", "--model_file=a", "--target-fps=29.97"}).options->target_fps, 29.97);
  EXPECT_EQ(parse({"perf", "--model-file=a", "--target_fps", "30"}).options->target_fps, 30);
  EXPECT_EQ(parse({"perf", "--model_file=a", "--per_time=2"}).options->perf_time, 2);
  for (const char* bad : {"--target_fps=-1", "--target_fps=fast", "--target_fps=nan", "--target_fps="})
    EXPECT_NE(refused({"perf", "--model_file=a", bad}).find("target_fps"), std::string::npos) << bad;
  EXPECT_NE(refused({"perf", "--model_file=a", "--targer_fps=3"}).find("'target_fps'"), std::string::npos);
}

TEST(BinDumpOptions, NeedsMapAndFolder) {
  const auto dump = [](std::vector<const char*> words) {
    words.insert(words.begin(), "hrt_bin_dump");
    return parse_command_line(Tool::bin_dump, static_cast<int>(words.size()), words.data());
  };
  const auto refusal = [&](std::vector<const char*> words) -> std::string {
    try {
      dump(std::move(words));
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  const auto line =
      dump({"--model_file=a.bin", "--input_file=b.bin", "--conv_mapping_file=c.json", "--conv_dump_path=d"});
  ASSERT_TRUE(line.options);
  EXPECT_EQ(line.options->mode, Mode::bin_dump);
  EXPECT_EQ(line.options->conv_mapping_file, "c.json");
  EXPECT_NE(refusal({"--model_file=a", "--input_file=b", "--conv_mapping_file=c"}).find("--conv_dump_path"),
            std::string::npos);
  EXPECT_NE(refusal({"--model_file=a", "--input_file=b", "--conv_dump_path=c"}).find("--conv_mapping_file"),
            std::string::npos);
  EXPECT_NE(refusal({"--model_file=a", "--thread_num=2"}).find("'--thread_num=2' is not known"),
            std::string::npos);
  EXPECT_NE(dump({}).text.find("--conv_mapping_file"), std::string::npos);
  EXPECT_EQ(dump({"--help"}).text.find("--perf_time"), std::string::npos);
  EXPECT_TRUE(dump({"-v"}).text.starts_with("hrt_bin_dump ")) << dump({"-v"}).text;
}

TEST(ModelExecOptions, WrongOnesAreRefused) {
  EXPECT_NE(refused({"model_inof", "--model_file=a"}).find("Did you mean 'model_info'"), std::string::npos);
  EXPECT_NE(refused({"model_info"}).find("--model_file"), std::string::npos);
  EXPECT_NE(refused({"infer", "--model_file=a"}).find("--input_file"), std::string::npos);
  EXPECT_NE(refused({"infer", "--model_flie=a"}).find("Did you mean 'model_file'"), std::string::npos);
  EXPECT_NE(refused({"infer", "--model_file=a", "--input_file=b", "--core_id=x"}).find("'x'"),
            std::string::npos);
  EXPECT_NE(refused({"infer", "--model_file=a", "--input_file=b", "--core_id=3"}).find("0 to 2"),
            std::string::npos);
  EXPECT_NE(refused({"infer", "--model_file=a", "--input_file=b", "--frame_count=-1"}).find("'-1'"),
            std::string::npos);
  EXPECT_NE(refused({"infer", "--model_file=a", "--input_file=b", "--dump_format=npy"}).find("'npy'"),
            std::string::npos);
  EXPECT_NE(refused({"infer", "--model_file"}), "accepted");
}

}  // namespace
}  // namespace openhb::model_exec
