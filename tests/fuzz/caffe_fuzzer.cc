// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: whatever is given as a Caffe network, the importer must refuse it with an Error or give a
// graph whose shapes the operator table confirms. An input is a prototxt, a separator, and a caffemodel; "@1"
// instead of the last stands for the weights of a real network, which are too large to be carried along.
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>

#include "common/error.h"
#include "host/frontend/caffe/caffe.h"
#include "host/ops/operator.h"
#include "tests/fuzz/caffe_samples.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using namespace openhb;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;
using Random = std::mt19937;

constexpr std::string_view kSeparator = "\n#### caffemodel ####\n";
constexpr int64_t kMaxFolded = 1 << 14;
constexpr int64_t kNumbers[] = {0, 1,  -1, 2,   3,     4,       5,          7,
                                8, 16, -2, 255, 65536, 1 << 24, 0x7fffffff, INT64_MIN};

const std::vector<testing::CaffeSample>& real() {
  static const auto* networks = new std::vector<testing::CaffeSample>(testing::shared_caffe_networks(
      std::filesystem::path(OPENHB_SOURCE_DIR).parent_path() / "shared" / "models"));
  return *networks;
}

size_t pick(Random& random, size_t n) { return random() % n; }
int64_t number(Random& random) { return kNumbers[pick(random, std::size(kNumbers))]; }

// All messages within `message`, itself first.
void collect(Message& message, std::vector<Message*>& all) {
  all.push_back(&message);
  std::vector<const FieldDescriptor*> fields;
  const auto* reflection = message.GetReflection();
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      collect(*reflection->MutableMessage(&message, field), all);
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i)
      collect(*reflection->MutableRepeatedMessage(&message, field, i), all);
  }
}

// A name that the network has.
std::string name_of(const caffe::NetParameter& net, Random& random) {
  if (net.layer_size() == 0) return "x";
  const auto& layer = net.layer(static_cast<int>(pick(random, static_cast<size_t>(net.layer_size()))));
  return layer.top_size() > 0 && random() % 8 != 0 ? layer.top(0) : layer.type();
}

void set(Message& m, const FieldDescriptor* f, const caffe::NetParameter& net, Random& random) {
  const auto* r = m.GetReflection();
  const int size = f->is_repeated() ? r->FieldSize(m, f) : 0;
  if (f->is_repeated() && size > 0 && random() % 4 == 0) return r->RemoveLast(&m, f);
  const bool add = f->is_repeated() && (size == 0 || random() % 4 == 0);
  const int at = size > 0 ? static_cast<int>(pick(random, static_cast<size_t>(size))) : 0;
  const auto put = [&](auto adder, auto repeated, auto setter, auto value) {
    if (add)
      (r->*adder)(&m, f, value);
    else if (f->is_repeated())
      (r->*repeated)(&m, f, at, value);
    else
      (r->*setter)(&m, f, value);
  };
  using R = google::protobuf::Reflection;
  const int64_t v = number(random);
  switch (f->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return put(&R::AddInt32, &R::SetRepeatedInt32, &R::SetInt32, static_cast<int32_t>(v));
    case FieldDescriptor::CPPTYPE_INT64:
      return put(&R::AddInt64, &R::SetRepeatedInt64, &R::SetInt64, v);
    case FieldDescriptor::CPPTYPE_UINT32:
      return put(&R::AddUInt32, &R::SetRepeatedUInt32, &R::SetUInt32, static_cast<uint32_t>(v));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return put(&R::AddFloat, &R::SetRepeatedFloat, &R::SetFloat,
                 static_cast<float>(v) / (random() % 2 ? 1.0f : 3.0f));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return put(&R::AddDouble, &R::SetRepeatedDouble, &R::SetDouble, static_cast<double>(v));
    case FieldDescriptor::CPPTYPE_BOOL:
      return put(&R::AddBool, &R::SetRepeatedBool, &R::SetBool, v % 2 != 0);
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* type = f->enum_type();
      return put(
          &R::AddEnumValue, &R::SetRepeatedEnumValue, &R::SetEnumValue,
          type->value(static_cast<int>(pick(random, static_cast<size_t>(type->value_count()))))->number());
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string name = name_of(net, random);
      if (add)
        r->AddString(&m, f, name);
      else if (f->is_repeated())
        r->SetRepeatedString(&m, f, at, name);
      else
        r->SetString(&m, f, name);
      return;
    }
    default:
      if (f->is_repeated())
        r->AddMessage(&m, f);
      else
        r->MutableMessage(&m, f);
  }
}

void mutate(Message& message, const caffe::NetParameter& net, Random& random) {
  std::vector<Message*> all;
  collect(message, all);
  Message& m = *all[pick(random, all.size())];
  std::vector<const FieldDescriptor*> fields;
  if (random() % 4 != 0) m.GetReflection()->ListFields(m, &fields);  // mostly what is there already
  if (fields.empty())
    for (int i = 0; i < m.GetDescriptor()->field_count(); ++i) fields.push_back(m.GetDescriptor()->field(i));
  if (!fields.empty()) set(m, fields[pick(random, fields.size())], net, random);
}

std::pair<std::string_view, std::string_view> split(std::string_view input) {
  const size_t at = input.find(kSeparator);
  if (at == std::string_view::npos) return {input, {}};
  return {input.substr(0, at), input.substr(at + kSeparator.size())};
}

std::string sample(Random& random) {
  static const auto* own = new std::vector<testing::CaffeSample>(testing::caffe_samples());
  const size_t n = pick(random, own->size() + real().size());
  if (n < own->size()) return (*own)[n].text + std::string(kSeparator) + (*own)[n].weights;
  return real()[n - own->size()].text + std::string(kSeparator) + fmt::format("@{}", n - own->size());
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  Random random(seed);
  if (random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string input(reinterpret_cast<const char*>(data), size);
  const auto [text, weights] = split(input);
  caffe::NetParameter net;
  TextFormat::Parser parser;
  parser.AllowUnknownField(true);
  parser.SetRecursionLimit(64);
  std::string result;
  if (!parser.ParseFromString(std::string(text), &net) || net.layer_size() == 0 || random() % 64 == 0) {
    result = sample(random);  // nothing to work with
  } else {
    std::string bytes(weights);
    caffe::WeightsFile file;
    if (random() % 4 == 0 && !bytes.starts_with('@') && file.ParseFromString(bytes)) {
      mutate(file, net, random);
      bytes = file.SerializeAsString();
    } else {
      for (auto n = 1 + random() % 3; n > 0; --n) mutate(net, net, random);
    }
    std::string printed;
    TextFormat::PrintToString(net, &printed);
    result = printed + std::string(kSeparator) + bytes;
  }
  if (result.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data, result.data(), result.size());
  return result.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto [text, given] = split({reinterpret_cast<const char*>(data), size});
  std::string_view weights = given;
  if (given.size() == 2 && given[0] == '@' && static_cast<size_t>(given[1] - '0') < real().size())
    weights = real()[static_cast<size_t>(given[1] - '0')].weights;
  try {
    graph::Graph graph = caffe_frontend::import_caffe_bytes(text, weights);
    graph.max_folded = kMaxFolded;
    std::map<std::string, Shape> shapes;
    for (const auto& value : graph.values()) shapes[value->name] = value->shape;
    ops::infer_shapes(graph);
    // What the importer said about shapes is what the operators say.
    for (const auto& value : graph.values())
      if (const auto it = shapes.find(value->name); it != shapes.end() && it->second != value->shape)
        __builtin_trap();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) __builtin_trap();  // a bug of ours, not of the file
  }
  return 0;
}
