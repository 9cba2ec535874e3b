// SPDX-License-Identifier: Apache-2.0
#include "host/compiler/statistics.h"

#include <algorithm>
#include <cstring>

#include "common/error.h"

namespace openhb::compiler {
namespace {

[[noreturn]] void damaged() { fail(ErrorCode::data_bad_value, "the stored statistics are damaged"); }

class Writer {
 public:
  template <class T>
  void number(T value) {
    append(&value, sizeof value);
  }
  void text(const std::string& value) {
    number<uint64_t>(value.size());
    append(value.data(), value.size());
  }
  template <class T>
  void list(const std::vector<T>& values) {
    number<uint64_t>(values.size());
    append(values.data(), values.size() * sizeof(T));
  }
  std::vector<std::byte> bytes;

 private:
  void append(const void* from, size_t size) {
    const size_t at = bytes.size();
    bytes.resize(at + size);
    if (size > 0) std::memcpy(bytes.data() + at, from, size);
  }
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class T>
  T number() {
    T value{};
    take(&value, sizeof value);
    return value;
  }
  std::string text() {
    std::string value(length(1), '\0');
    take(value.data(), value.size());
    return value;
  }
  template <class T>
  std::vector<T> list() {
    std::vector<T> values(length(sizeof(T)));
    take(values.data(), values.size() * sizeof(T));
    return values;
  }
  bool at_end() const { return bytes_.empty(); }

 private:
  // A count of elements that the remaining bytes can hold.
  size_t length(size_t each) {
    const auto n = number<uint64_t>();
    if (n > bytes_.size() / each) damaged();
    return n;
  }
  void take(void* to, size_t size) {
    if (size > bytes_.size()) damaged();
    if (size > 0) std::memcpy(to, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }
  std::span<const std::byte> bytes_;
};

void write(Writer& to, const ChannelSums& sums) {
  to.number<uint64_t>(sums.size());
  for (const auto& [name, list] : sums) {
    to.text(name);
    to.list(list);
  }
}

ChannelSums read_sums(Reader& from) {
  ChannelSums sums;
  for (auto n = from.number<uint64_t>(); n > 0; --n) {
    std::string name = from.text();
    sums[std::move(name)] = from.list<double>();
  }
  return sums;
}

// No counter in front of a long run of zeros, which most histograms end with.
std::vector<uint64_t> without_tail(std::vector<uint64_t> counts) {
  while (!counts.empty() && counts.back() == 0) counts.pop_back();
  return counts;
}

void write(Writer& to, const calibration::Histogram& histogram) {
  const auto p = histogram.parts();
  to.list(without_tail(p.positive));
  to.list(without_tail(p.negative));
  for (const uint64_t n : {p.count, p.zeros, p.non_finite}) to.number(n);
  to.number(p.min), to.number(p.max), to.number(p.range);
}

calibration::Histogram read_histogram(Reader& from) {
  calibration::Histogram::Parts p;
  p.positive = from.list<uint64_t>(), p.negative = from.list<uint64_t>();
  for (auto* bins : {&p.positive, &p.negative}) {
    if (bins->size() > calibration::Histogram::kBins) damaged();
    bins->resize(calibration::Histogram::kBins);
  }
  for (uint64_t* n : {&p.count, &p.zeros, &p.non_finite}) *n = from.number<uint64_t>();
  p.min = from.number<float>(), p.max = from.number<float>(), p.range = from.number<double>();
  return calibration::Histogram(std::move(p));
}

template <class Map>
bool same_names(const Map& a, const Map& b) {
  return std::ranges::equal(a, b, {}, &Map::value_type::first, &Map::value_type::first);
}

}  // namespace

size_t Statistics::count() const { return static_cast<size_t>(std::ranges::count(done, true)); }

void Statistics::add(size_t sample, ChannelSums channel_sums) {
  pending[sample] = std::move(channel_sums);
  for (auto next = pending.find(summed); next != pending.end(); next = pending.find(summed)) {
    for (auto& [name, list] : next->second) {
      std::vector<double>& sum = sums[name];
      sum.resize(list.size(), 0.0);
      for (size_t c = 0; c < list.size(); ++c) sum[c] += list[c];
    }
    pending.erase(next);
    ++summed;
  }
}

precision::ChannelMeans Statistics::means() const {
  precision::ChannelMeans means = sums;
  for (auto& [name, list] : means) {
    const double each = static_cast<double>(values.at(name)) * static_cast<double>(summed);
    for (double& v : list) v /= each;
  }
  return means;
}

std::vector<std::byte> encode(const Statistics& s) {
  Writer to;
  to.number<uint64_t>(s.done.size());
  for (const bool d : s.done) to.number<uint8_t>(d);
  to.number<uint64_t>(s.histograms.size());
  for (const auto& [name, histogram] : s.histograms) {
    to.text(name);
    write(to, histogram);
  }
  to.number<uint64_t>(s.summed);
  write(to, s.sums);
  to.number<uint64_t>(s.values.size());
  for (const auto& [name, n] : s.values) to.text(name), to.number(n);
  to.number<uint64_t>(s.pending.size());
  for (const auto& [sample, sums] : s.pending) {
    to.number<uint64_t>(sample);
    write(to, sums);
  }
  return std::move(to.bytes);
}

Statistics decode(std::span<const std::byte> bytes, const Statistics& expected) {
  Reader from(bytes);
  Statistics s;
  if (from.number<uint64_t>() != expected.done.size()) damaged();
  for (size_t i = 0; i < expected.done.size(); ++i) s.done.push_back(from.number<uint8_t>() != 0);
  for (auto n = from.number<uint64_t>(); n > 0; --n) {
    std::string name = from.text();
    s.histograms.insert_or_assign(std::move(name), read_histogram(from));
  }
  s.summed = from.number<uint64_t>();
  s.sums = read_sums(from);
  for (auto n = from.number<uint64_t>(); n > 0; --n) {
    std::string name = from.text();
    s.values[std::move(name)] = from.number<uint64_t>();
  }
  for (auto n = from.number<uint64_t>(); n > 0; --n) {
    const auto sample = from.number<uint64_t>();
    s.pending[sample] = read_sums(from);
  }
  if (!from.at_end() || !same_names(s.histograms, expected.histograms) || s.summed > s.done.size()) damaged();
  return s;
}

}  // namespace openhb::compiler
