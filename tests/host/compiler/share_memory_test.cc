// SPDX-License-Identifier: Apache-2.0
// Random programs give the same bytes before and after steps become tables, copies of copies one, and tensors
// share memory.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "device/engine/model.h"
#include "host/compiler/lowering.h"
#include "host/compiler/unread.h"

namespace openhb::compiler {
namespace {

// int8 steps over tensors [1, rows, channels]: tables, sums, conversions through float, parts and their
// concatenations.
class RandomDraft {
 public:
  explicit RandomDraft(uint32_t seed) : random_(seed) {
    const TensorId x = tensor(DType::i8, pick(1, 3) * 32);
    draft_.program.inputs.push_back({"x", x, InputKind::featuremap, false});
    values_.push_back(x);
    for (int64_t i = pick(3, 25); i-- > 0;) step();
    const TensorId y = tensor(DType::i8, channels(values_.back()));
    copy(values_.back(), y);
    draft_.program.outputs.push_back({"y", y});
  }
  Draft take() { return std::move(draft_); }

 private:
  int64_t pick(int64_t lo, int64_t hi) { return std::uniform_int_distribution<int64_t>(lo, hi)(random_); }
  int64_t channels(TensorId id) const { return draft_.desc(id).dims.back(); }
  TensorId any() { return values_[static_cast<size_t>(pick(0, std::ssize(values_) - 1))]; }

  TensorId add(TensorDesc d) {
    d.order = {0, 1, 2};
    const auto id = static_cast<TensorId>(draft_.program.tensors.size());
    draft_.program.tensors.push_back(std::move(d));
    draft_.places.push_back({id, 0});
    return id;
  }
  TensorId tensor(DType dtype, int64_t channels) {
    TensorDesc d;
    d.dtype = dtype, d.dims = {1, 50, channels}, d.pitch = channels;
    if (dtype == DType::i8)
      d.quant = {{static_cast<float>(pick(1, 40)) / 16}, {static_cast<int32_t>(pick(-9, 9))}, -1};
    return add(std::move(d));
  }
  TensorId part(TensorId of, int64_t first, int64_t extent) {
    TensorDesc d = draft_.desc(of);
    d.dims.back() = extent;
    const TensorId id = add(std::move(d));
    draft_.places[id] = {draft_.root(of), draft_.places[of].offset + static_cast<uint64_t>(first)};
    return id;
  }
  void emit(StepParams params, std::vector<TensorId> inputs, TensorId output) {
    draft_.program.steps.push_back({.params = std::move(params),
                                    .node = "n",
                                    .inputs = std::move(inputs),
                                    .outputs = {output},
                                    .completes = {}});
  }
  void copy(TensorId from, TensorId to) {
    const TensorDesc &a = draft_.desc(from), &b = draft_.desc(to);
    emit(CopyParams{b.dims, a.strides(), b.strides()}, {from}, to);
  }
  // In another order: blocks of channels outermost, or all channels.
  void turn(TensorId from, TensorId to) {
    const int64_t n = channels(from), pitch = draft_.desc(from).pitch, block = pick(0, 2) ? 32 : 1;
    emit(CopyParams{{50, n / block, block}, {pitch, block, 1}, {block, 50 * block, 1}}, {from}, to);
  }
  void lut(TensorId from, TensorId to) {
    TensorDesc d;
    d.dtype = DType::i8, d.dims = {256}, d.pitch = 256, d.storage = Storage::weights;
    const TensorId table = add(std::move(d));
    draft_.program.tensors[table].order = {0};
    Tensor values(DType::i8, {256});
    for (int8_t& v : values.data<int8_t>()) v = static_cast<int8_t>(pick(-128, 127));
    draft_.constants[table] = std::move(values);
    emit(LutParams{}, {from, table}, to);
  }
  void step() {
    const TensorId x = any();
    const TensorId y = tensor(DType::i8, channels(x));
    switch (pick(0, 5)) {
      case 0:
        lut(x, y);
        break;
      case 1: {
        const TensorId other = any();
        if (channels(other) != channels(x)) return;
        emit(BinaryParams{BinaryFunction::add, 0.5f, 0.25f, 3.0f}, {x, other}, y);
        break;
      }
      case 2: {  // through float
        const TensorId real = tensor(DType::f32, channels(x)), root = tensor(DType::f32, channels(x));
        emit(DequantizeParams{}, {x}, real);
        emit(UnaryParams{UnaryFunction::hard_sigmoid, 0.25f, 0.5f}, {real}, root);
        emit(QuantizeParams{}, {root}, y);
        break;
      }
      case 3:
        turn(x, y);
        break;
      case 4: {  // a part
        if (channels(x) < 64) return;
        return values_.push_back(part(x, 32 * pick(0, channels(x) / 32 - 1), 32));
      }
      default: {  // a concatenation, one part through a table
        const TensorId other = any();
        if (channels(x) + channels(other) > 256) return;
        const TensorId both = tensor(DType::i8, channels(x) + channels(other));
        copy(x, part(both, 0, channels(x)));
        const TensorId second = part(both, channels(x), channels(other));
        pick(0, 1) ? lut(other, second) : copy(other, second);
        if (pick(0, 2)) return values_.push_back(both);
        const TensorId turned = tensor(DType::i8, channels(both));
        turn(both, turned);
        return values_.push_back(turned);
      }
    }
    values_.push_back(y);
  }

  std::mt19937 random_;
  Draft draft_;
  std::vector<TensorId> values_;
};

void pack(Draft& draft) {
  uint64_t size = 0;
  for (auto& [id, t] : draft.constants) draft.program.tensors[id].offset = size, size += 256;
  std::shared_ptr<std::byte> owner(static_cast<std::byte*>(std::aligned_alloc(64, size + 64)),
                                   [](std::byte* p) { std::free(p); });
  for (auto& [id, t] : draft.constants)
    std::memcpy(owner.get() + draft.program.tensors[id].offset, t.bytes().data(), 256);
  draft.program.weights = {owner.get(), size + 64}, draft.program.weights_owner = owner;
}

std::vector<std::byte> run(Draft draft, int threads, CpuFeatures cpu = usable_cpu()) {
  plan_arena(draft);
  drop_unused_tensors(draft.program);
  engine::Session session(engine::Model::create(std::move(draft.program)), {.threads = threads, .cpu = cpu});
  std::mt19937 random(5);
  for (std::byte& b : session.input(0)) b = static_cast<std::byte>(random());
  session.run();
  session.run();  // the input is still there
  return {session.output(0).begin(), session.output(0).end()};
}

TEST(ShareMemoryTest, BytesStayAsTheyWere) {
  size_t before = 0, after = 0, composed = 0;
  for (uint32_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Draft plain = RandomDraft(seed).take(), folded = RandomDraft(seed).take();
    pack(plain);
    const auto expected = run(plain, 1);
    drop_unread_steps(folded);
    before += folded.program.steps.size();
    fold_tables(folded);
    pack(folded);
    EXPECT_EQ(run(folded, 1), expected);
    auto peak = lower_bound(lifetimes(folded));
    const size_t copies = folded.program.steps.size();
    compose_copies(folded);
    EXPECT_LE(lower_bound(lifetimes(folded)), peak);
    composed += copies - folded.program.steps.size();
    EXPECT_EQ(run(folded, 1), expected);
    peak = lower_bound(lifetimes(folded));
    share_memory(folded);
    EXPECT_LE(lower_bound(lifetimes(folded)), peak);
    after += folded.program.steps.size();
    EXPECT_EQ(run(folded, 1), expected);
    for (const std::string& level : runnable_isa_levels())
      EXPECT_EQ(run(folded, 2, isa_level(level)), expected) << level;
  }
  EXPECT_LT(after, before * 3 / 4);
  EXPECT_GT(composed, 20u);
}

}  // namespace
}  // namespace openhb::compiler
