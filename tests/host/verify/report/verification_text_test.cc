// SPDX-License-Identifier: Apache-2.0
// JSON and JUnit XML of a verification, hostile names included.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>

#include "host/verify/verification.h"

namespace openhb::verify {
namespace {

TensorResult tensor(const std::string& name, const std::vector<float>& a, const std::vector<float>& b,
                    bool passed) {
  TensorResult t;
  t.tensor = name, t.kind = "output", t.step = "Conv of node", t.shape = {static_cast<int64_t>(a.size())};
  t.dtype_left = "int8", t.dtype_right = "float32", t.row_left = "dotprod", t.row_right = "ref";
  t.difference = difference(a, b, 5);
  t.passed = passed;
  return t;
}

Verification sample_result() {
  Verification v;
  v.version = "1.2.3", v.model = "net", v.seed = 18446744073709551615u, v.passed = false;
  v.files.push_back({"model", "net.bin", 1, 1000, "abcdef"});
  v.samples = {{"cat.jpg", {{"image", "pictures/cat.jpg"}}}, {"dog.jpg", {}}};
  v.sides.push_back({"Arm", {{"architecture", "aarch64"}}, {"dotprod"}, 1.5, 10, 20, ""});
  v.sides.push_back({"Arm 10.0.0.3", {}, {}, 0, 0, 0, "OHB-0900: cannot reach 10.0.0.3"});
  for (const size_t sample : {0u, 1u}) {
    PairResult pair;
    pair.left = "Arm", pair.right = "Sim", pair.sample = sample, pair.bit_exact = true;
    pair.tensors.push_back(tensor("prob", {1, 2}, {1, 2}, true));
    pair.tensors.push_back(tensor("logits", {1, std::nanf("")}, {1, 2}, sample == 0));
    pair.passed = sample == 0;
    if (sample == 1) pair.first = 1, pair.reproducer = "repro", pair.only_left = {"extra"};
    v.pairs.push_back(pair);
  }
  PairResult other;
  other.left = "Quanti.onnx", other.right = "Arm";
  other.tensors.push_back(tensor("prob", {1, 2}, {1, 3}, false));
  other.passed = false;
  v.pairs.push_back(other);
  return v;
}

TEST(VerificationJson, HasEverything) {
  Verification v = sample_result();
  v.stages =
      Stages{{{"quantized", "Quanti.onnx", {{"prob", "softmax", 0.9, 0.95, 0.1, 1}}, {}, true}},
             {{"quantized", "conv_out", "conv", "Conv", 0.999, 0.9, 1, "clipping", {"calibration_type: kl"}}},
             "Lost in quantization."};
  const auto json = nlohmann::json::parse(verification_json(v));
  EXPECT_EQ(json["tool"], "hb_verifier");
  EXPECT_EQ(json["version"], "1.2.3");
  EXPECT_EQ(json["passed"], false);
  EXPECT_EQ(json["seed"], 18446744073709551615u);
  EXPECT_EQ(json["files"][0]["xxh3"], "abcdef");
  EXPECT_EQ(json["samples"][0]["files"]["image"], "pictures/cat.jpg");
  EXPECT_EQ(json["sides"][0]["facts"]["architecture"], "aarch64");
  EXPECT_EQ(json["sides"][0]["kernels"][0], "dotprod");
  EXPECT_EQ(json["sides"][1]["error"], "OHB-0900: cannot reach 10.0.0.3");
  ASSERT_EQ(json["pairs"].size(), 3u);
  const auto& pair = json["pairs"][1];
  EXPECT_EQ(pair["first"], 1);
  EXPECT_EQ(pair["reproducer"], "repro");
  EXPECT_EQ(pair["only_left"][0], "extra");
  EXPECT_TRUE(json["pairs"][0]["first"].is_null());
  const auto& t = pair["tensors"][1];
  EXPECT_EQ(t["line_nan"], 1);
  EXPECT_EQ(t["bits_differ"], 1);
  EXPECT_EQ(t["left"]["kernel"], "dotprod");
  EXPECT_EQ(t["first"]["position"], "[1]");
  EXPECT_EQ(t["first"]["left"], "nan") << "JSON has no NaN";
  EXPECT_EQ(t["first"]["right"], 2);
  EXPECT_EQ(t["ulp"].size(), kUlpBins);
  EXPECT_FALSE(pair["tensors"][0].contains("first"));
  EXPECT_EQ(json["stages"]["verdict"], "Lost in quantization.");
  EXPECT_EQ(json["stages"]["stages"][0]["outputs"][0]["cosine"], 0.9);
  EXPECT_EQ(json["stages"]["losses"][0]["advice"][0], "calibration_type: kl");
}

TEST(VerificationJson, OfNothing) {
  const auto json = nlohmann::json::parse(verification_json({}));
  EXPECT_TRUE(json["pairs"].is_array() && json["pairs"].empty());
  EXPECT_TRUE(json["sides"].is_array());
  EXPECT_TRUE(json["seed"].is_null());
  EXPECT_FALSE(json.contains("stages"));
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(VerificationJunit, HasASuitePerPair) {
  const std::string xml = verification_junit(sample_result());
  EXPECT_NE(xml.find("<testsuites name=\"hb_verifier\" tests=\"6\" failures=\"2\" errors=\"1\">"), xml.npos)
      << xml;
  EXPECT_NE(xml.find("<testsuite name=\"Arm VS Sim\" tests=\"4\" failures=\"1\" errors=\"0\">"), xml.npos)
      << xml;
  EXPECT_NE(xml.find("<testsuite name=\"Quanti.onnx VS Arm\" tests=\"1\" failures=\"1\" errors=\"0\">"),
            xml.npos);
  EXPECT_NE(xml.find("<testsuite name=\"Arm 10.0.0.3\" tests=\"1\" failures=\"0\" errors=\"1\">"), xml.npos);
  EXPECT_NE(xml.find("<testcase classname=\"Arm VS Sim\" name=\"cat.jpg: prob\"/>"), xml.npos);
  EXPECT_NE(xml.find("name=\"dog.jpg: logits\">\n      <failure message=\"bits of 1 of 2 elements differ\">"),
            xml.npos)
      << xml;
  EXPECT_NE(xml.find("first different element [1]: nan and 2"), xml.npos);
  EXPECT_NE(xml.find("1 of 2 elements differ by more than 1e-5"), xml.npos);
  EXPECT_NE(xml.find("<error message=\"OHB-0900: cannot reach 10.0.0.3\">"), xml.npos);
  EXPECT_NE(xml.find("<property name=\"seed\" value=\"18446744073709551615\"/>"), xml.npos);
}

TEST(VerificationJunit, APairWithoutTensorsFailsToo) {
  Verification v;
  PairResult pair;
  pair.left = "Arm", pair.right = "Sim", pair.passed = false;
  v.pairs.push_back(pair);
  const std::string xml = verification_junit(v);
  EXPECT_NE(xml.find("tests=\"1\" failures=\"1\""), xml.npos) << xml;
  EXPECT_NE(xml.find("name=\"sample 0\""), xml.npos) << xml;
}

// The text of the one <testcase name="..."> of a tensor of this name.
std::string name_in_xml(const std::string& name) {
  Verification v;
  PairResult pair;
  pair.tensors.push_back(tensor(name, {1}, {1}, true));
  v.pairs.push_back(pair);
  const std::string xml = verification_junit(v), start = "name=\"sample 0: ";
  const size_t at = xml.find(start) + start.size();
  return xml.substr(at, xml.find('"', at) - at);
}

TEST(VerificationJunit, EscapesNames) {
  EXPECT_EQ(name_in_xml("a<b>&\"c\"'d"), "a&lt;b&gt;&amp;&quot;c&quot;'d");
  EXPECT_EQ(name_in_xml("tab\tline\r\n"), "tab&#9;line&#13;&#10;");
  EXPECT_EQ(name_in_xml("]]>"), "]]&gt;");
  EXPECT_EQ(name_in_xml("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(name_in_xml(std::string("a\0b", 3)), "a" + bad + "b");
  EXPECT_EQ(name_in_xml("\x1b[31m"), bad + "[31m");
  EXPECT_EQ(name_in_xml("\xff"), bad);
  EXPECT_EQ(name_in_xml("\xef\xbf\xbf\xef\xbf\xbe"), bad + bad) << "U+FFFF and U+FFFE";
  EXPECT_EQ(name_in_xml("\xef\xbf\xbc"), "\xef\xbf\xbc");
}

TEST(VerificationText, IsWellFormedForAnyNames) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 200; ++i) {
    std::string name(random() % 40, 0);
    for (char& c : name) c = static_cast<char>(random() % 3 == 0 ? random() : 0x20 + random() % 0x60);
    Verification v = sample_result();
    v.tool = v.version = v.model = name;
    v.files[0].role = v.files[0].path = name;
    v.samples[1] = {name, {{name, name}}};
    v.sides[0].facts = {{name, name}};
    v.sides[1].name = v.sides[1].error = name + "!";
    PairResult& pair = v.pairs[1];
    pair.left = pair.right = pair.reproducer = name;
    pair.tensors[1].tensor = pair.tensors[1].step = pair.tensors[1].row_left = name;
    EXPECT_TRUE(nlohmann::json::accept(verification_json(v)));
    const std::string xml = verification_junit(v);
    for (const char c : xml) ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n');
    EXPECT_NO_THROW(nlohmann::json(xml).dump()) << "UTF-8";
    // Tags are ours, and close as they open.
    static const std::regex allowed(
        "<(/?(testsuites|testsuite|testcase|properties|property|failure|error)( "
        "[a-z]+=\"[^\"<>]*\")*/?|\\?xml[^<>]*\\?)>");
    std::string rest = std::regex_replace(xml, allowed, "");
    EXPECT_EQ(rest.find_first_of("<>"), rest.npos) << rest;
    for (const char* tag : {"testsuites", "testsuite", "failure", "error", "properties"})
      EXPECT_EQ(count(xml, std::string("<") + tag + " ") + count(xml, std::string("<") + tag + ">"),
                count(xml, std::string("</") + tag + ">"));
  }
}

}  // namespace
}  // namespace openhb::verify
