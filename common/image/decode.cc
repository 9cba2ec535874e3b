// SPDX-License-Identifier: Apache-2.0
// stb_image decodes; this file adds what it does not check: files that end early, and absurd sizes.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>

#include "common/image/image.h"
#include "common/image/jpeg_check.h"
#include "common/io/file.h"

// Without SIMD every machine runs the same integer arithmetic, so every machine gets the same pixels.
#define STBI_NO_SIMD
#define STBI_NO_STDIO
// Damaged files can make it read what it never wrote: zeros then, everywhere.
#define STBI_MALLOC(size) std::calloc(1, size)
#define STBI_REALLOC(pointer, size) std::realloc(pointer, size)
#define STBI_FREE(pointer) std::free(pointer)
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_MAX_DIMENSIONS 16384
#define STBI_FAILURE_USERMSG
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#ifdef __clang__  // it copies 0 bytes to a null pointer, which is harmless
#pragma clang attribute push(__attribute__((no_sanitize("nonnull-attribute"))), apply_to = function)
#endif
#include <stb/stb_image.h>
#ifdef __clang__
#pragma clang attribute pop
#endif
#pragma GCC diagnostic pop

namespace openhb {
namespace {

constexpr int kMaxDimension = STBI_MAX_DIMENSIONS;
constexpr int64_t kMaxPixels = int64_t{1} << 28;
constexpr size_t kMaxFileSize = size_t{1} << 30;

using Bytes = std::span<const uint8_t>;

bool starts_with(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin(),
                                                    [](char a, uint8_t b) { return uint8_t(a) == b; });
}

// Uncompressed rows, padded to 4 bytes, must lie in the file: stb would read zeros.
bool bmp_is_complete(Bytes bytes) {
  const auto u32 = [&](size_t at) -> uint32_t {
    return at + 4 > bytes.size() ? 0
                                 : uint32_t{bytes[at]} | uint32_t{bytes[at + 1]} << 8 |
                                       uint32_t{bytes[at + 2]} << 16 | uint32_t{bytes[at + 3]} << 24;
  };
  if (bytes.size() < 30) return false;
  const bool old_header = u32(14) == 12;
  const int64_t width = old_header ? u32(18) & 0xFFFF : static_cast<int32_t>(u32(18));
  const int64_t height = old_header ? u32(18) >> 16 : static_cast<int32_t>(u32(22));
  const int64_t bits = old_header ? u32(22) >> 16 : u32(28) & 0xFFFF;
  if (std::abs(width) > kMaxDimension || std::abs(height) > kMaxDimension)
    return true;  // refused for its size
  const int64_t row = (width * bits + 31) / 32 * 4;
  return u32(10) + row * std::abs(height) <= static_cast<int64_t>(bytes.size());
}

}  // namespace

bool is_image_path(const std::string& path) {
  std::string suffix = std::filesystem::path(path).extension().string();
  for (char& c : suffix) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return suffix == ".jpg" || suffix == ".jpeg" || suffix == ".png" || suffix == ".bmp";
}

Image decode_image(const std::string& path) { return decode_image(MappedFile::open(path)->bytes(), path); }

Image decode_image(std::span<const std::byte> file, const std::string& name) {
  if (file.size() > kMaxFileSize) fail(ErrorCode::data_bad_image, "picture '{}' is larger than 1 GiB", name);
  const Bytes bytes(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  const bool jpeg = starts_with(bytes, "\xFF\xD8"), png = starts_with(bytes, "\x89PNG"),
             bmp = starts_with(bytes, "BM");
  if (!jpeg && !png && !bmp)
    fail(ErrorCode::data_bad_image, "cannot decode '{}': it is not a JPEG, PNG or BMP picture", name);

  const std::string problem = jpeg                             ? jpeg_problem(bytes)
                              : bmp && !bmp_is_complete(bytes) ? "the file ends early"
                                                               : "";
  if (!problem.empty()) fail(ErrorCode::data_bad_image, "cannot decode picture '{}': {}", name, problem);

  const int size = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  if (!stbi_info_from_memory(bytes.data(), size, &width, &height, &channels))
    fail(ErrorCode::data_bad_image, "cannot decode picture '{}': {}", name, stbi_failure_reason());
  if (width <= 0 || height <= 0 || width > kMaxDimension || height > kMaxDimension ||
      int64_t{width} * height > kMaxPixels)
    fail(ErrorCode::data_bad_image,
         "picture '{}' has {} x {} pixels; at most {} x {} and 2^28 in all can be read", name, width, height,
         kMaxDimension, kMaxDimension);
  const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(
      stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 3), stbi_image_free);
  if (!pixels) fail(ErrorCode::data_bad_image, "cannot decode picture '{}': {}", name, stbi_failure_reason());
  const size_t count = static_cast<size_t>(width) * static_cast<size_t>(height) * 3;
  return {width, height, 3, std::vector<uint8_t>(pixels.get(), pixels.get() + count)};
}

}  // namespace openhb
