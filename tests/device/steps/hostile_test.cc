// SPDX-License-Identifier: Apache-2.0
// Damaged files: random changes to the parameters and tensors of valid steps. Whatever validate() lets pass
// must run inside its memory (run under AddressSanitizer for the full effect).
#include "tests/device/steps/hostile.h"
#include "device/kernels/detection/detection_output.h"
#include "device/kernels/detection/ps_roi_pool.h"
#include "device/kernels/elementwise/binary.h"
#include "device/kernels/elementwise/cast.h"
#include "device/kernels/elementwise/image.h"
#include "device/kernels/elementwise/lut.h"
#include "device/kernels/elementwise/nv12.h"
#include "device/kernels/elementwise/quantize.h"
#include "device/kernels/elementwise/unary.h"
#include "device/kernels/elementwise/where.h"
#include "device/kernels/movement/copy.h"
#include "device/kernels/movement/fill.h"
#include "device/kernels/movement/gather.h"
#include "device/kernels/recurrent/recurrent.h"
#include "device/kernels/reduction/arg.h"
#include "device/kernels/reduction/cumulate.h"
#include "device/kernels/reduction/matmul.h"
#include "device/kernels/reduction/reduce.h"
#include "device/kernels/reduction/softmax.h"
#include "device/kernels/spatial/pool.h"
#include "device/kernels/spatial/resize.h"

namespace openhb::test {
namespace {

TEST(Hostile, Elementwise) {
  attack<BinaryParams>("Binary", [] {
    return simple<BinaryParams>({{DType::i8, {2, 1, 70}}, {DType::i8, {3, 70}}}, DType::i8, {2, 3, 70});
  });
  attack<BinaryParams>("Binary of integers", [] {
    auto c = simple<BinaryParams>({{DType::i64, {2, 1, 70}}, {DType::i64, {3, 70}}}, DType::i64, {2, 3, 70});
    c.params.function = static_cast<BinaryFunction>(random_int(0, 13));
    return c;
  });
  attack<BinaryParams>("Binary to bool", [] {
    auto c =
        simple<BinaryParams>({{DType::i8, {2, 1, 70}}, {DType::i8, {3, 70}}}, DType::boolean, {2, 3, 70});
    c.params.function = BinaryFunction::less;
    return c;
  });
  attack<WhereParams>("Where", [] {
    return simple<WhereParams>({{DType::boolean, {3, 1}}, {DType::i16, {2, 3, 70}}, {DType::i16, {70}}},
                               DType::i16, {2, 3, 70});
  });
  attack<UnaryParams>("Unary",
                      [] { return simple<UnaryParams>({{DType::f32, {4, 9}}}, DType::f32, {4, 9}); });
  attack<QuantizeParams>("Quantize",
                         [] { return simple<QuantizeParams>({{DType::f32, {4, 9}}}, DType::i8, {4, 9}); });
  attack<DequantizeParams>(
      "Dequantize", [] { return simple<DequantizeParams>({{DType::i8, {4, 3}}}, DType::f32, {4, 3}); });
  attack<CastParams>("Cast", [] { return simple<CastParams>({{DType::f32, {4, 9}}}, DType::i8, {4, 9}); });
  attack<ImageParams>(
      "Image", [] { return simple<ImageParams>({{DType::u8, {1, 4, 9, 3}}}, DType::i8, {1, 4, 9, 3}); });
  attack<Nv12Params>(
      "Nv12", [] { return simple<Nv12Params>({{DType::u8, {2, 1, 6, 38}}}, DType::i8, {2, 4, 38, 3}); });
  attack<LutParams>("Lut", [] {
    StepCase<LutParams> c;
    c.input(random_tensor(DType::i8, {3, 80})), c.constant(random_tensor(DType::i8, {256})),
        c.output(DType::i8, {3, 80});
    return c;
  });
}

TEST(Hostile, Int16) {
  static const QuantParams kInt16{{0.5f}, {0}, -1};
  attack<BinaryParams>("Binary", [] {
    StepCase<BinaryParams> c;
    c.input(random_tensor(DType::i16, {2, 1, 70}), kInt16, 1),
        c.input(random_tensor(DType::i16, {3, 70}), kInt16);
    c.output(DType::i16, {2, 3, 70}, kInt16, 2);
    return c;
  });
  attack<QuantizeParams>("Quantize", [] {
    StepCase<QuantizeParams> c;
    c.input(random_tensor(DType::i16, {4, 90}), kInt16, 1), c.output(DType::i8, {4, 90}, kQuant, 2);
    return c;
  });
  attack<LutParams>("Lut", [] {
    StepCase<LutParams> c;
    c.input(random_tensor(DType::i16, {3, 80}), kInt16, 1), c.constant(Tensor(DType::i32, {1025}));
    c.output(DType::i16, {3, 80}, kInt16, 2);
    return c;
  });
  attack<PoolParams>("Pool", [] {
    StepCase<PoolParams> c;
    c.params.mode = chance(50) ? PoolMode::max : PoolMode::average;
    c.params.kernel = {3, 3}, c.params.pads = {1, 1, 1, 1};
    c.input(random_tensor(DType::i16, {1, 6, 7, 5}), kInt16, 1),
        c.output(DType::i16, {1, 6, 7, 5}, kInt16, 2);
    return c;
  });
}

TEST(Hostile, Movement) {
  attack<CopyParams>("Copy", [] {
    auto c = simple<CopyParams>({{DType::i16, {3, 4, 5}}}, DType::i16, {5, 4, 3});
    const Shape in = c.in(0).strides(), out = c.out().strides();
    c.params.extent = {5, 4, 3};
    c.params.in_strides = {in[2], in[1], in[0]};
    c.params.out_strides = {out[0], out[1], out[2]};
    return c;
  });
  attack<FillParams>("Fill", [] { return simple<FillParams>({}, DType::i16, {5, 4, 3}); });
  attack<GatherParams>("Gather", [] {
    auto c = simple<GatherParams>({{DType::i16, {3, 4, 5}}, {DType::i32, {2, 2}}}, DType::i16, {3, 2, 2, 5});
    c.params.axis = 1;
    return c;
  });
}

TEST(Hostile, Spatial) {
  attack<PoolParams>("Pool", [] {
    auto c = simple<PoolParams>({{DType::i8, {1, 6, 7, 5}}}, DType::i8, {1, 6, 7, 5});
    c.params.mode = chance(50) ? PoolMode::max : PoolMode::average;
    c.params.kernel = {3, 3};
    c.params.pads = {1, 1, 1, 1};
    return c;
  });
  attack<ResizeParams>("Resize", [] {
    StepCase<ResizeParams> c;
    c.params.mode = chance(50) ? ResizeMode::linear : ResizeMode::nearest;
    const bool linear = c.params.mode == ResizeMode::linear;
    c.input(random_tensor(DType::i8, {1, 4, 4, 3}), kQuant, 1);
    for (int axis = 0; axis < 2; ++axis) {
      Tensor table(DType::i32, linear ? Shape{2, 6} : Shape{6});
      for (int32_t& v : table.data<int32_t>()) v = static_cast<int32_t>(random_int(0, 3));
      c.constant(table);
      if (linear) c.constant(random_tensor(DType::f32, {2, 6}));
    }
    c.output(DType::i8, {1, 6, 6, 3}, kQuant, 2);
    return c;
  });
}

TEST(Hostile, Reduction) {
  attack<ReduceParams>("Reduce", [] {
    auto c = simple<ReduceParams>({{DType::f32, {3, 4, 20}}}, DType::f32, {3, 1, 20});
    c.params.axes = {1};
    return c;
  });
  attack<ReduceParams>("Reduce of codes", [] {
    auto c = simple<ReduceParams>({{DType::i8, {3, 4, 20}}}, DType::i8, {3, 1, 20});
    c.params.axes = {1};
    return c;
  });
  attack<ArgParams>("Arg", [] {
    auto c = simple<ArgParams>({{DType::f32, {3, 4, 20}}}, DType::i64, {3, 1, 20});
    c.params.axis = 1;
    return c;
  });
  attack<CumulateParams>("Cumulate", [] {
    auto c = simple<CumulateParams>({{DType::f32, {3, 4, 20}}}, DType::f32, {3, 4, 20});
    c.params = {CumulateFunction::sum, static_cast<int32_t>(random_int(0, 2)), 0, chance(50) ? 1 : 0};
    return c;
  });
  attack<SoftmaxParams>("Softmax of codes", [] {
    StepCase<SoftmaxParams> c;
    c.input(random_tensor(DType::i8, {3, 4, 20}), kQuant), c.constant(random_tensor(DType::f32, {256}));
    c.output(DType::i8, {3, 4, 20}, kQuant);
    c.params.axis = static_cast<int32_t>(random_int(0, 2));
    return c;
  });
  attack<SoftmaxParams>("Softmax", [] {
    auto c = simple<SoftmaxParams>({{DType::f32, {3, 4, 20}}}, DType::f32, {3, 4, 20});
    c.params.axis = static_cast<int32_t>(random_int(0, 2));
    return c;
  });
  attack<MatMulParams>("MatMul", [] {
    auto c = simple<MatMulParams>({{DType::f32, {2, 5, 6}}, {DType::f32, {6, 20}}}, DType::f32, {2, 5, 20});
    c.limit_parts = true;
    return c;
  });
}

TEST(Hostile, MatMulOfIntegers) {
  attack<MatMulParams>("MatMul int8", [] {
    auto c = simple<MatMulParams>({{DType::i8, {2, 5, 6}}, {DType::i8, {6, 20}}}, DType::i8, {2, 5, 20});
    c.limit_parts = true;
    return c;
  });
  attack<MatMulParams>("MatMul int64", [] {
    return simple<MatMulParams>({{DType::i64, {2, 5, 6}}, {DType::i64, {6, 20}}}, DType::i64, {2, 5, 20});
  });
}

TEST(Hostile, Recurrent) {
  attack<RecurrentParams>("Recurrent", [] {
    auto c = simple<RecurrentParams>({{DType::f32, {3, 5, 128}}}, DType::f32, {5, 2, 5, 7});
    c.params.hidden = 7;
    c.params.lengths = c.params.peepholes = 1;
    c.params.clip = 3;
    c.input(random_tensor(DType::f32, {2, 4, 1, 7, 16}));
    c.input(random_tensor(DType::f32, {2, 5, 7}), {}, 2);
    c.constant(random_tensor(DType::f32, {2, 3, 2}));
    c.input(random_tensor(DType::f32, {2, 5, 7}), {}, 1);
    c.input(random_tensor(DType::f32, {2, 3, 16}));
    c.input(random_tensor(DType::i32, {5}));
    return c;
  });
}

TEST(Hostile, Detection) {
  attack<DetectionOutputParams>("DetectionOutput", [] {
    auto c = simple<DetectionOutputParams>(
        {{DType::f32, {2, 48}}, {DType::f32, {2, 36}}, {DType::f32, {1, 2, 48}}}, DType::f32, {1, 1, 14, 7});
    c.params.classes = 3;
    c.params.keep_top_k = 7;
    c.params.code = BoxCode::center_size;
    return c;
  });
  attack<PsRoiPoolParams>("PsRoiPool", [] {
    return simple<PsRoiPoolParams>({{DType::f32, {2, 8, 5, 6}}, {DType::f32, {4, 5}}}, DType::f32,
                                   {4, 2, 2, 2});
  });
}

}  // namespace
}  // namespace openhb::test
