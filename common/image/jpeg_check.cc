// SPDX-License-Identifier: Apache-2.0
// Walks the segments of ITU-T T.81, annex B, in the way in which stb_image 2.27 does: where the two could
// read different bytes as a marker, stb_image stops with an error.
#include "common/image/jpeg_check.h"

#include <array>

namespace openhb {
namespace {

using Bytes = std::span<const uint8_t>;

constexpr const char* kEndsEarly = "the file ends early";
constexpr const char* kDamaged = "a segment is damaged";

enum Marker : uint8_t {
  kBaseline = 0xC0,
  kProgressive = 0xC2,
  kHuffman = 0xC4,
  kRestart0 = 0xD0,
  kRestart7 = 0xD7,
  kEndOfImage = 0xD9,
  kStartOfScan = 0xDA
};

class Walker {
 public:
  explicit Walker(Bytes bytes) : bytes_(bytes) {}

  std::string walk() {
    while (true) {
      uint8_t marker = 0;
      if (const std::string problem = next_marker(marker); !problem.empty()) return problem;
      if (marker == kEndOfImage) return scans_ > 0 ? "" : "it holds no picture";
      if (bytes_.size() - at_ < 2) return kEndsEarly;
      const size_t length = size_t{bytes_[at_]} << 8 | bytes_[at_ + 1];
      if (length < 2) return kDamaged;
      if (length > bytes_.size() - at_) return kEndsEarly;
      const Bytes segment = bytes_.subspan(at_ + 2, length - 2);
      at_ += length;
      if (marker >= kBaseline && marker <= kProgressive) {
        frame_ = true;
        progressive_ = marker == kProgressive;
      }
      if (marker == kHuffman && !read_tables(segment)) return "a Huffman table is damaged";
      if (marker == kStartOfScan) {
        if (!tables_are_there(segment)) return "a Huffman table is missing";
        ++scans_;
        skip_scan();
      }
    }
  }

 private:
  std::string next_marker(uint8_t& marker) {
    // Padding is only accepted before the frame header.
    while (!frame_ && at_ < bytes_.size() && bytes_[at_] != 0xFF) ++at_;
    if (at_ < bytes_.size() && bytes_[at_] != 0xFF) return kDamaged;
    while (at_ < bytes_.size() && bytes_[at_] == 0xFF) ++at_;
    if (at_ >= bytes_.size()) return kEndsEarly;
    marker = bytes_[at_++];
    return "";
  }

  // Moves to the marker that ends entropy-coded data; FF 00 and restart markers belong to the data.
  void skip_scan() {
    while (at_ < bytes_.size()) {
      if (bytes_[at_] != 0xFF) {
        ++at_;
        continue;
      }
      size_t after = at_;
      while (after < bytes_.size() && bytes_[after] == 0xFF) ++after;
      const bool data = after < bytes_.size() &&
                        (bytes_[after] == 0 || (bytes_[after] >= kRestart0 && bytes_[after] <= kRestart7));
      if (!data) return;
      at_ = after + 1;
    }
  }

  // Each table: class and number, counts of codes of 1 to 16 bits, one byte per code.
  bool read_tables(Bytes segment) {
    while (!segment.empty()) {
      if (segment.size() < 17) return false;
      const uint8_t kind = segment[0] >> 4, number = segment[0] & 15;
      size_t codes = 0;
      for (size_t i = 1; i <= 16; ++i) codes += segment[i];
      if (kind > 1 || number > 3 || codes > 256 || segment.size() < 17 + codes) return false;
      (kind == 0 ? dc_ : ac_)[number] = true;
      segment = segment.subspan(17 + codes);
    }
    return true;
  }

  // The scan header: number of components, two bytes for each, and the coefficients' range and bits.
  bool tables_are_there(Bytes segment) const {
    if (segment.empty() || segment.size() != size_t{segment[0]} * 2 + 4) return false;
    const size_t count = segment[0];
    const bool first_coefficient = segment[count * 2 + 1] == 0, refinement = segment[count * 2 + 3] >> 4 != 0;
    for (size_t i = 0; i < count; ++i) {
      const size_t dc = segment[2 + 2 * i] >> 4, ac = segment[2 + 2 * i] & 15;
      if (dc > 3 || ac > 3) return false;
      const bool needs_dc = !progressive_ || (first_coefficient && !refinement);
      const bool needs_ac = !progressive_ || !first_coefficient;
      if ((needs_dc && !dc_[dc]) || (needs_ac && !ac_[ac])) return false;
    }
    return true;
  }

  Bytes bytes_;
  size_t at_ = 2;
  bool frame_ = false, progressive_ = false;
  int scans_ = 0;
  std::array<bool, 4> dc_{}, ac_{};
};

}  // namespace

std::string jpeg_problem(Bytes bytes) { return Walker(bytes).walk(); }

}  // namespace openhb
