// SPDX-License-Identifier: Apache-2.0
#include "host/report/conversion_json.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace openhb::report {
namespace {

nlohmann::json json_of(const compiler::ConversionReport& report, const config::Config& config = {}) {
  return nlohmann::json::parse(conversion_json({report, config, "1.2.3", "", {}, {}}, -1));
}

TEST(ConversionJsonTest, EmptyConversionHasAllLists) {
  const auto j = json_of({});
  for (const char* key : {"nodes", "outputs", "search", "histograms", "steps", "buffers", "removed",
                          "findings", "inputs", "results"})
    EXPECT_TRUE(j.at(key).is_array() && j.at(key).empty()) << key;
  EXPECT_FALSE(j.contains("date"));
  EXPECT_FALSE(j.contains("predicted_peak_bytes"));
}

TEST(ConversionJsonTest, NamesNeedNotBeUtf8) {
  compiler::ConversionReport report;
  report.nodes.resize(1);
  report.nodes[0].node = "conv\xff\xfe";
  EXPECT_EQ(json_of(report)["nodes"][0]["node"], "conv\uFFFD\uFFFD");
}

TEST(ConversionJsonTest, WhatWasNotMeasuredIsNull) {
  compiler::ConversionReport report;
  report.nodes.resize(2);
  report.nodes[1].cosine = 0.5, report.nodes[1].threshold = 127;
  report.outputs.push_back({"y", std::numeric_limits<double>::quiet_NaN(), 0, 0, 0});
  const auto j = json_of(report);
  EXPECT_TRUE(j["nodes"][0]["cosine"].is_null());
  EXPECT_TRUE(j["nodes"][0]["threshold"].is_null());
  EXPECT_EQ(j["nodes"][1]["cosine"], 0.5);
  EXPECT_EQ(j["nodes"][1]["threshold"], 127);
  EXPECT_TRUE(j["outputs"][0]["cosine"].is_null());
}

TEST(ConversionJsonTest, HasEveryKeyOfTheConfiguration) {
  config::Config config;
  config.inputs.resize(2);
  config.prefix = "net";
  const auto settings = json_of({}, config)["configuration"];
  const auto row = [&](const std::string& key) {
    for (const auto& s : settings)
      if (s["key"] == key) return s;
    return nlohmann::json();
  };
  EXPECT_EQ(settings.size(), config::effective_settings(config).size());
  EXPECT_EQ(row("output_model_file_prefix")["value"], "net");
  EXPECT_EQ(row("output_model_file_prefix")["usual"], false);
  EXPECT_EQ(row("calibration_type")["usual"], true);
  EXPECT_EQ(row("max_percentile")["usual"], true);
}

}  // namespace
}  // namespace openhb::report
