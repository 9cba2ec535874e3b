// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/case.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "common/io/file.h"
#include "host/compiler/evaluate.h"
#include "host/frontend/onnx/onnx.h"
#include "host/ops/operator.h"

namespace openhb::conformance {
namespace {

namespace fs = std::filesystem;

std::vector<Tensor> read_tensors(const fs::path& folder, const std::string& prefix) {
  std::vector<Tensor> list;
  for (size_t i = 0;; ++i) {
    const fs::path path = folder / fmt::format("{}_{}.pb", prefix, i);
    if (!fs::exists(path)) return list;
    list.push_back(onnx_frontend::import_tensor_file(path.string()));
  }
}

bool close(float a, float b) {
  // The official runner's tolerances (onnx/backend/test/loader: rtol 1e-3, atol 1e-7), a little more around
  // 0.
  return a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) <= 1e-6f + 1e-3f * std::fabs(b);
}

// "" when equal: floats within the official tolerance, everything else exactly.
std::string difference(const Tensor& got, const Tensor& expected) {
  if (got.dtype() != expected.dtype() || got.shape() != expected.shape())
    return fmt::format("is {} {}, expected {} {}", dtype_name(got.dtype()), to_string(got.shape()),
                       dtype_name(expected.dtype()), to_string(expected.shape()));
  if (got.dtype() != DType::f32) {
    const size_t size = dtype_size(got.dtype());
    for (size_t i = 0; i < got.size(); ++i)
      if (!std::ranges::equal(got.bytes().subspan(i * size, size), expected.bytes().subspan(i * size, size)))
        return fmt::format("element {} of {} differs", i, to_string(got.shape()));
    return "";
  }
  for (size_t i = 0; i < got.size(); ++i) {
    const float a = got.data<float>()[i], b = expected.data<float>()[i];
    if (!close(a, b))
      return fmt::format("element {} of {} is {}, expected {}", i, to_string(got.shape()), a, b);
  }
  return "";
}

// NonMaxSuppression has a fixed number of rows here: those behind the selected ones are -1.
bool equals_padded(const Tensor& got, const Tensor& expected) {
  if (got.dtype() != DType::i64 || expected.dtype() != DType::i64 || got.shape().size() != 2 ||
      expected.shape().size() != 2 || got.size() < expected.size())
    return false;
  const auto a = got.data<int64_t>(), b = expected.data<int64_t>();
  return std::ranges::equal(a.first(b.size()), b) &&
         std::ranges::all_of(a.subspan(b.size()), [](int64_t v) { return v == -1; });
}

struct Attempt {
  std::string text;  // "" when the result is right
  std::string note;
  Recording recording;
};

// Runs one data set; the inputs that `fixed` names become constants first.
Attempt run_once(const std::string& model, const std::string& origin, const DataSet& data,
                 const std::function<bool(size_t)>& fixed) {
  graph::Graph graph = onnx_frontend::import_onnx_bytes(model, origin);
  if (data.inputs.size() != graph.inputs.size())
    return {fmt::format("{} inputs for {}", data.inputs.size(), graph.inputs.size()), "", {}};
  Attempt result;
  std::vector<graph::Value*> open;
  for (size_t i = 0; i < data.inputs.size(); ++i) {
    graph::Value* v = graph.inputs[i];
    v->shape = data.inputs[i].shape();  // extents of 0 would be read as "any"
    v->dtype = data.inputs[i].dtype();
    if (fixed(i)) {
      v->constant = std::make_shared<const Tensor>(data.inputs[i]);
    } else {
      result.recording.inputs.push_back(data.inputs[i]);
      open.push_back(v);
    }
  }
  graph.inputs = open;
  const bool suppresses =
      std::ranges::any_of(graph.nodes(), [](const auto& node) { return node->op == "NonMaxSuppression"; });
  ops::infer_shapes(graph);
  compiler::GraphRunner runner(graph, {}, 1);
  runner.run(result.recording.inputs);
  result.recording.program = runner.program();
  if (runner.program().outputs.size() != data.expected.size())
    result.text =
        fmt::format("{} outputs, expected {}", runner.program().outputs.size(), data.expected.size());
  for (size_t i = 0; i < data.expected.size() && result.text.empty(); ++i) {
    result.recording.outputs.push_back(runner.output(i));
    if (suppresses && equals_padded(result.recording.outputs[i], data.expected[i])) {
      result.note = "padded with rows of -1";
    } else if (auto text = difference(result.recording.outputs[i], data.expected[i]); !text.empty()) {
      result.text = fmt::format("output {} {}", i, text);
    }
  }
  return result;
}

// The file's inputs with the shapes of the data, and an opset that the importer takes: a case carries the
// opset that last changed its operator; opset 1 to 6 forms mean the same in 7 unless it says otherwise.
std::string prepared(onnx::ModelProto model, const DataSet& data) {
  for (auto& opset : *model.mutable_opset_import())
    if (opset.domain().empty() || opset.domain() == "ai.onnx")
      opset.set_version(std::max<int64_t>(opset.version(), 7));
  size_t i = 0;
  for (auto& input : *model.mutable_graph()->mutable_input()) {
    const bool initialized = std::ranges::any_of(model.graph().initializer(),
                                                 [&](const auto& t) { return t.name() == input.name(); });
    if (initialized || i == data.inputs.size() || !input.type().has_tensor_type()) continue;
    auto* shape = input.mutable_type()->mutable_tensor_type()->mutable_shape();
    shape->clear_dim();
    for (int64_t d : data.inputs[i].shape()) shape->add_dim()->set_dim_value(std::max<int64_t>(d, 1));
    ++i;
  }
  return model.SerializeAsString();
}

// What is decided at run time in the official models may have to be constant here: shapes first.
Attempt run_data_set(const onnx::ModelProto& model, const fs::path& folder) {
  const DataSet data{read_tensors(folder, "input"), read_tensors(folder, "output")};
  const std::string bytes = prepared(model, data);
  struct Plan {
    std::string note;
    std::function<bool(size_t)> fixed;
  };
  const Plan plans[] = {
      {"", [](size_t) { return false; }},
      {"integer inputs as constants",
       [&](size_t i) {
         return data.inputs[i].dtype() == DType::i64 || data.inputs[i].dtype() == DType::i32;
       }},
      {"all inputs but the first as constants", [](size_t i) { return i > 0; }},
      {"all inputs as constants", [](size_t) { return true; }},
  };
  Attempt first;
  for (const Plan& plan : plans) {
    try {
      Attempt attempt = run_once(bytes, folder.parent_path().filename().string(), data, plan.fixed);
      if (!plan.note.empty()) attempt.note = plan.note + (attempt.note.empty() ? "" : "; " + attempt.note);
      return attempt;  // right, or wrong: constants would not change that
    } catch (const Error& e) {
      if (first.text.empty()) first.text = e.what();
      if (e.code() != ErrorCode::model_dynamic_shape && e.code() != ErrorCode::model_unsupported_op &&
          e.code() != ErrorCode::model_bad_value)
        break;
    }
  }
  return first;
}

}  // namespace

CaseResult run_case(const fs::path& folder) {
  CaseResult result;
  result.name = folder.filename().string();
  onnx::ModelProto model;
  try {
    if (!model.ParseFromString(read_text_file((folder / "model.onnx").string()))) {
      result.detail = "model.onnx cannot be parsed";
      return result;
    }
    int sets = 0;
    for (; result.detail.empty() && fs::exists(folder / fmt::format("test_data_set_{}", sets)); ++sets) {
      Attempt attempt = run_data_set(model, folder / fmt::format("test_data_set_{}", sets));
      if (!attempt.text.empty()) {
        result.detail = attempt.text;
        break;
      }
      result.status = Status::pass;
      result.recordings.push_back(std::move(attempt.recording));
      if (!attempt.note.empty()) result.detail = attempt.note;
    }
    if (sets == 0 && result.detail.empty()) result.detail = "it has no test_data_set_0";
    if (result.status == Status::pass && result.recordings.size() == static_cast<size_t>(sets)) return result;
  } catch (const std::exception& e) {
    result.detail = e.what();
  }
  result.status = Status::miss;
  result.recordings.clear();
  if (const std::string reason = exclusion(model); !reason.empty()) {
    result.status = Status::excluded;
    result.detail = reason;
  }
  return result;
}

}  // namespace openhb::conformance
