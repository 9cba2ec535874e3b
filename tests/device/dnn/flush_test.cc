// SPDX-License-Identifier: Apache-2.0
// Debug mode of memory, seen by an application that forgets to flush.
#include <algorithm>

#include "tests/device/dnn/fixture.h"

namespace openhb::testing {
namespace {

// int8 codes of an uint8 picture: -128 each.
Program picture_codes() {
  ProgramBuilder b("codes");
  const uint32_t x = b.tensor("pixels", DType::u8, {1, 1, 8, 16}, {}, {}, 16);
  const uint32_t y = b.tensor("y", DType::i8, {1, 1, 8, 16}, {}, {}, 16);
  b.input(x, InputKind::gray);
  b.step(ImageParams{}, {x}, y);
  b.output(y);
  return b.finish();
}

class MissingFlush : public ::testing::Test {
 protected:
  void SetUp() override {
    openhbSetMemoryCheck(1);
    make_tensors(model_, inputs_, outputs_);
  }
  void TearDown() override { openhbSetMemoryCheck(-1); }
  // The log of one inference.
  std::string infer() {
    ::testing::internal::CaptureStderr();
    hbDNNTaskHandle_t task = nullptr;
    hbDNNTensor* out = outputs_.data();
    hbDNNInferCtrlParam param;
    HB_DNN_INITIALIZE_INFER_CTRL_PARAM(&param);
    expect_ok(hbDNNInfer(&task, &out, inputs_.data(), model_, &param));
    expect_ok(hbDNNWaitTaskDone(task, 0));
    expect_ok(hbDNNReleaseTask(task));
    return ::testing::internal::GetCapturedStderr();
  }
  void write(uint8_t pixel) { std::memset(inputs_[0].sysMem[0].virAddr, pixel, 128); }
  void clean() { expect_ok(hbSysFlushMem(&inputs_[0].sysMem[0], HB_SYS_MEM_CACHE_CLEAN)); }
  // Each byte of the output, if they are all the same.
  int seen() {
    const auto* first = static_cast<const uint8_t*>(outputs_[0].sysMem[0].virAddr);
    return std::all_of(first, first + 128, [&](uint8_t b) { return b == *first; }) ? *first : -1;
  }
  int seen_after_flush() {
    expect_ok(hbSysFlushMem(&outputs_[0].sysMem[0], HB_SYS_MEM_CACHE_INVALIDATE));
    return seen();
  }

  Loaded loaded_{{picture_codes()}};
  hbDNNHandle_t model_ = loaded_.model("codes");
  Tensors inputs_, outputs_;
};

constexpr int kPoison = 0xA5;

TEST_F(MissingFlush, OfAnInputGivesPoisonAndALine) {
  write(200);
  const std::string log = infer();
  EXPECT_NE(log.find("tensor 'pixels': what the CPU wrote at byte 0 of 128 was not flushed"),
            std::string::npos)
      << log;
  EXPECT_EQ(seen_after_flush(), kPoison - 128);
  clean();
  EXPECT_EQ(infer(), "");
  EXPECT_EQ(seen_after_flush(), 200 - 128);
}

TEST_F(MissingFlush, OfTheSecondFrameGivesTheFirst) {
  write(200);
  clean();
  EXPECT_EQ(infer(), "");
  write(201);
  EXPECT_NE(infer().find("tensor 'pixels'"), std::string::npos);
  EXPECT_EQ(seen_after_flush(), 200 - 128);
}

TEST_F(MissingFlush, OfAnOutputLeavesPoison) {
  write(200);
  clean();
  EXPECT_EQ(infer(), "");
  EXPECT_EQ(seen(), kPoison);
  EXPECT_EQ(seen_after_flush(), 200 - 128);
}

TEST_F(MissingFlush, IsNoneBetweenTwoModels) {
  write(200);
  clean();
  EXPECT_EQ(infer(), "");
  std::swap(inputs_[0].sysMem[0], outputs_[0].sysMem[0]);  // the output is the next input, without a flush
  EXPECT_EQ(infer(), "");
  EXPECT_EQ(seen_after_flush(), static_cast<uint8_t>(72 - 128));
}

TEST_F(MissingFlush, DoesNotMatterWithoutCache) {
  for (hbSysMem* mem : {&inputs_[0].sysMem[0], &outputs_[0].sysMem[0]}) {
    expect_ok(hbSysFreeMem(mem));
    expect_ok(hbSysAllocMem(mem, 128));
  }
  write(200);
  EXPECT_EQ(infer(), "");
  EXPECT_EQ(seen(), 200 - 128);
}

}  // namespace
}  // namespace openhb::testing
