// SPDX-License-Identifier: Apache-2.0
#include "host/calibration/lint.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include "common/text/text.h"
#include "host/calibration/facts.h"
#include "host/calibration/parallel.h"

namespace openhb::calibration {
namespace {

constexpr size_t kAdvised = 20;
constexpr size_t kMostExamined = 256, kFirst = 16;
constexpr uint64_t kMostElements = uint64_t{1} << 30;  // read in all

// Everything that the checks of one input look at.
struct Input {
  const config::InputConfig& config;
  const Dataset& dataset;
  size_t index;
  const std::vector<size_t>& samples;  // numbers of those examined
  std::vector<Facts> facts;            // of each of them
  Shape shape;
  std::vector<Finding>& findings;

  bool picture() const { return config.kind_train != InputKind::featuremap; }
  // Facts of usable samples for which `test` holds.
  template <class Test>
  std::vector<size_t> where(Test test) const {
    std::vector<size_t> list;
    for (size_t i = 0; i < facts.size(); ++i)
      if (!facts[i].error && test(facts[i])) list.push_back(i);
    return list;
  }
  std::string name(size_t i) const {
    return std::filesystem::path(dataset.path(samples[i], index)).filename().string();
  }
  std::string names(const std::vector<size_t>& list) const {
    std::vector<std::string> some;
    for (size_t i = 0; i < std::min<size_t>(list.size(), 3); ++i) some.push_back("'" + name(list[i]) + "'");
    return fmt::format("{}{}", fmt::join(some, ", "), list.size() > some.size() ? ", ..." : "");
  }
  void add(std::string_view severity, std::string_view check, size_t count, std::string text,
           ErrorCode code = ErrorCode::data_bad_value) const {
    findings.push_back(
        {std::string(severity), std::string(check), config.name, count, std::move(text), code});
  }
};

// Files that cannot be used, once for each kind of error.
void check_usable(const Input& in, const std::vector<std::pair<size_t, Error>>& unread) {
  std::map<ErrorCode, std::pair<size_t, std::string>> kinds;
  const auto count = [&](const Error& e) {
    auto& [n, text] = kinds[e.code()];
    if (n++ == 0) text = e.what();
  };
  for (const Facts& f : in.facts)
    if (f.error) count(*f.error);
  for (const auto& [sample, error] : unread) count(error);
  for (const auto& [code, kind] : kinds) {
    const std::string_view check = code == ErrorCode::data_bad_size    ? "size"
                                   : code == ErrorCode::data_bad_value ? "values"
                                                                       : "file";
    in.add("error", check, kind.first, kind.second, code);
  }
}

void check_range(const Input& in) {
  if (!in.picture() || in.dataset.pictures(in.index)) return;
  const auto usable = in.where([](const Facts&) { return true; });
  const auto negative = in.where([](const Facts& f) { return f.min < 0; });
  if (!negative.empty()) {
    const Facts& f = in.facts[negative[0]];
    in.add("warning", "range", negative.size(),
           fmt::format(
               "negative values where pictures of 0..255 are expected ({}: {:.4g} to {:.4g}); {}",
               in.names(negative), f.min, f.max,
               f.integers && f.min >= -128 && f.max <= 127
                   ? "they look like pixel - 128, or like uint8 read as int8: store 0..255 as uint8"
                   : "mean and scale seem to be applied already: store what the training pipeline had before "
                     "mean_value and scale_value"));
    return;
  }
  const auto small = in.where([](const Facts& f) { return f.max > 0 && f.max <= 1.0; });
  if (!small.empty())
    in.add(
        "warning", "range", small.size(),
        fmt::format(
            "{} values lie in 0..1 where 0..255 is expected ({}); multiply them by 255, and put a division "
            "by 255 into scale_value",
            small.size() == usable.size() ? "all" : "some samples'", in.names(small)));
  const auto large = in.where([](const Facts& f) { return f.max > 255; });
  if (!large.empty())
    in.add(
        "warning", "range", large.size(),
        fmt::format(
            "values above 255 where pictures of 0..255 are expected ({}: up to {:.6g}); check cal_data_type",
            in.names(large), in.facts[large[0]].max));
}

void check_constant(const Input& in) {
  const auto constant = in.where([](const Facts& f) { return f.min == f.max; });
  if (!constant.empty()) {
    const double value = in.facts[constant[0]].min;
    in.add("warning", "constant", constant.size(),
           fmt::format("all values are equal ({}: {}); such samples say nothing about ranges, leave them out",
                       in.names(constant),
                       in.picture() && value == 0     ? "black"
                       : in.picture() && value == 255 ? "white"
                                                      : fmt::format("{:.6g}", value)));
  }
  if (!in.picture()) return;
  const auto flat = in.where([](const Facts& f) { return f.max > 2 && f.max > f.min && f.max - f.min <= 8; });
  if (!flat.empty())
    in.add("warning", "constant", flat.size(),
           fmt::format("almost one colour ({}); leave such pictures out", in.names(flat)));
}

void check_picture_sizes(const Input& in) {
  if (!in.dataset.pictures(in.index)) return;
  const double width = static_cast<double>(in.shape[in.config.nhwc_train ? 2 : 3]),
               height = static_cast<double>(in.shape[in.config.nhwc_train ? 1 : 2]);
  const auto example = [&](const std::vector<size_t>& list) {
    const Facts& f = in.facts[list[0]];
    return fmt::format("{}: {} x {}", in.names(list), f.width, f.height);
  };
  const auto stretched = in.where([&](const Facts& f) {
    const double ratio = f.width * height / (f.height * width);
    return ratio > 2 || ratio < 0.5;
  });
  if (!stretched.empty())
    in.add("warning", "picture size", stretched.size(),
           fmt::format(
               "resizing to {:.0f} x {:.0f} distorts these pictures by more than 2 ({}); cut them first as "
               "training did",
               width, height, example(stretched)));
  const auto tiny = in.where([&](const Facts& f) { return f.width * 4 <= width && f.height * 4 <= height; });
  if (!tiny.empty())
    in.add("warning", "picture size", tiny.size(),
           fmt::format(
               "less than a quarter of the input's {:.0f} x {:.0f} ({}); enlarged pictures are blurred, take "
               "larger ones",
               width, height, example(tiny)));
  const auto all = in.where([](const Facts& f) { return f.width > 0; });
  if (all.empty()) return;
  const auto area = [&](size_t i) { return static_cast<double>(in.facts[i].width) * in.facts[i].height; };
  const auto [least, most] = std::ranges::minmax_element(all, {}, area);
  if (area(*most) >= 64 * area(*least))
    in.add("warning", "picture size", 2,
           fmt::format("very different sizes: '{}' has {} x {} pixels, '{}' {} x {}", in.name(*least),
                       in.facts[*least].width, in.facts[*least].height, in.name(*most), in.facts[*most].width,
                       in.facts[*most].height));
}

// In most pictures of the world red is the brightest colour on average and blue the darkest.
void check_channels(const Input& in) {
  const InputKind kind = in.config.kind_train;
  if (kind != InputKind::rgb && kind != InputKind::bgr) return;
  const size_t red = kind == InputKind::rgb ? 0 : 2, blue = 2 - red;
  const std::string_view type = kind == InputKind::rgb ? "rgb" : "bgr";
  const std::vector<float>& mean = in.config.mean;
  if (mean.size() == 3 && mean[blue] > mean[red] + 0.03f * std::max(mean[blue], mean[red]))
    in.add("warning", "channels", 0,
           fmt::format(
               "mean_value {} has more blue than red when read as {}, which input_type_train says; pictures "
               "have it the other way round, so one of the two is probably reversed",
               fmt::join(mean, " "), type));
  if (in.dataset.pictures(in.index)) return;  // decoded here, in the order that was asked for
  double sum = 0, squares = 0;
  const auto usable = in.where([](const Facts& f) { return f.max > f.min; });
  for (const size_t i : usable) {
    const Facts& f = in.facts[i];
    const double d = (f.channel_means[red] - f.channel_means[blue]) / std::max(f.max - f.min, 1e-9);
    sum += d, squares += d * d;
  }
  const auto n = static_cast<double>(usable.size());
  if (n < static_cast<double>(kAdvised)) return;
  // Student's t of "red minus blue", in shares of the range of values.
  const double average = sum / n, deviation = std::sqrt(std::max(squares / n - average * average, 1e-12));
  if (average < -0.02 && average / deviation * std::sqrt(n) < -4)
    in.add(
        "warning", "channels", usable.size(),
        fmt::format(
            "read as {}, which input_type_train says, blue is brighter than red by {:.1f} % on average; if "
            "these are usual photographs, red and blue are swapped in the files",
            type, -average * 100));
}

void check_duplicates(const std::vector<Input>& inputs, std::vector<Finding>& findings) {
  std::map<std::vector<std::array<uint64_t, 2>>, std::vector<size_t>> groups;
  const Input& first = inputs.front();
  for (size_t i = 0; i < first.facts.size(); ++i) {
    std::vector<std::array<uint64_t, 2>> key;
    for (const Input& in : inputs)
      if (!in.facts[i].error) key.push_back(in.facts[i].hash);
    if (key.size() == inputs.size()) groups[key].push_back(i);
  }
  size_t extra = 0;
  std::vector<size_t> example;
  for (const auto& [key, group] : groups) {
    extra += group.size() - 1;
    if (group.size() > 1 && (example.empty() || group[0] < example[0])) example = group;
  }
  if (extra > 0)
    findings.push_back(
        {"warning", "duplicates", "", extra,
         fmt::format("{} of the samples are copies of others (for example {}); they only cost time, and "
                     "give what they show too much weight",
                     extra, first.names(example))});
}

}  // namespace

std::vector<size_t> samples_to_examine(size_t count, uint64_t elements) {
  const size_t most = std::clamp<size_t>(static_cast<size_t>(kMostElements / std::max<uint64_t>(elements, 1)),
                                         kFirst + 1, kMostExamined);
  std::set<size_t> chosen;
  for (size_t i = 0; i < std::min(count, kFirst); ++i) chosen.insert(i);
  const size_t spread = count <= most ? count : most - kFirst;
  for (size_t i = 0; i < spread; ++i) chosen.insert(spread > 1 ? i * (count - 1) / (spread - 1) : 0);
  return {chosen.begin(), chosen.end()};
}

Lint lint(const Dataset& dataset, const config::Config& config, int workers,
          const std::function<void(size_t done, size_t total)>& progress) {
  Lint result;
  uint64_t elements = 0;
  for (size_t i = 0; i < config.inputs.size(); ++i)
    elements += static_cast<uint64_t>(num_elements(dataset.shape(i)));
  const std::vector<size_t> samples = samples_to_examine(dataset.size(), elements);
  result.samples = dataset.size(), result.examined = samples.size();

  std::vector<Input> inputs;
  for (size_t i = 0; i < config.inputs.size(); ++i)
    inputs.push_back({config.inputs[i], dataset, i, samples, std::vector<Facts>(samples.size()),
                      dataset.shape(i), result.findings});
  std::mutex mutex;
  size_t done = 0;
  progress(0, samples.size());
  in_parallel(samples.size(), workers, [&](size_t s) {
    for (Input& in : inputs) in.facts[s] = facts_of(dataset, in.config, samples[s], in.index);
    const std::lock_guard lock(mutex);
    progress(++done, samples.size());
  });

  for (const Input& in : inputs) {
    std::vector<std::pair<size_t, Error>> unread;
    for (size_t s = 0; s < dataset.size(); ++s) try {
        if (!std::ranges::binary_search(samples, s)) dataset.check_size(s, in.index);
      } catch (const Error& e) {
        unread.emplace_back(s, e);
      }
    check_usable(in, unread);
    check_range(in);
    check_constant(in);
    check_picture_sizes(in);
    check_channels(in);
    for (const Facts& f : in.facts)
      result.largest_picture =
          std::max(result.largest_picture, static_cast<uint64_t>(f.width) * static_cast<uint64_t>(f.height));
  }
  check_duplicates(inputs, result.findings);
  if (dataset.size() < kAdvised)
    result.findings.push_back(
        {"warning", "count", "", dataset.size(),
         fmt::format("there are only {} samples; {} to 100 that show what the network will meet "
                     "are needed for good ranges",
                     dataset.size(), kAdvised)});
  for (const auto& [input, text] : dataset.notices())
    result.findings.push_back({"note", "folder", input, 0, text});
  std::vector<Finding> ordered;
  for (const std::string_view severity : {"error", "warning", "note"})
    std::ranges::copy_if(result.findings, std::back_inserter(ordered),
                         [&](const Finding& f) { return f.severity == severity; });
  result.findings = std::move(ordered);
  return result;
}

std::string findings_table(const std::vector<Finding>& findings) {
  std::vector<std::vector<std::string>> rows;
  for (const Finding& f : findings)
    rows.push_back({f.severity, f.check, f.input.empty() ? "--" : f.input,
                    f.samples > 0 ? std::to_string(f.samples) : "--", f.text});
  return format_table({"Severity", "Check", "Input", "Samples", "Finding"}, rows);
}

}  // namespace openhb::calibration
