// SPDX-License-Identifier: Apache-2.0
#include "host/verify/board/dump_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/error.h"
#include "common/io/file.h"
#include "common/tensor.h"
#include "device/dnn/dump.h"
#include "host/verify/board/answer.h"
#include "host/verify/board/wording.h"
#include "host/verify/dump_folder.h"

namespace openhb::verify {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLongestList = size_t{32} << 20, kMostFiles = 200'000;
constexpr std::string_view kListEnd = "@files\n";

// A name for a file in one folder, on any file system.
bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         std::ranges::none_of(name, [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20; });
}

void unwritable(const std::string& path) {
  fail(ErrorCode::file_unwritable, "cannot write '{}': {}", path, std::strerror(errno));
}

// Bytes of the tensor that a row of the index describes; nullopt when it is no such row.
std::optional<uint64_t> row_size(const nlohmann::json& row) {
  const auto dtype = dtype_from_name(row.value("dtype", ""));
  if (!dtype || !row.contains("shape") || !row["shape"].is_array()) return std::nullopt;
  Shape shape;
  for (const auto& extent : row["shape"]) {
    if (!extent.is_number_integer()) return std::nullopt;
    shape.push_back(extent.get<int64_t>());
    if (shape.back() < 0) return std::nullopt;
  }
  return static_cast<uint64_t>(checked_mul(num_elements(shape), static_cast<int64_t>(dtype_size(*dtype))));
}

}  // namespace

FolderReceiver::FolderReceiver(std::string folder, std::string source)
    : folder_(std::move(folder)), source_(std::move(source)) {
  std::error_code error;
  if (fs::exists(folder_, error) && !fs::is_empty(folder_, error))
    fail(ErrorCode::file_unwritable,
         "the folder '{}' for results of {} is there already; remove it or name another one", folder_,
         source_);
  while (folder_.size() > 1 && folder_.ends_with('/')) folder_.pop_back();
  if (const fs::path parent = fs::path(folder_).parent_path(); !parent.empty()) ensure_directory(parent);
  part_ = folder_ + ".part-XXXXXX";
  if (!mkdtemp(part_.data())) {
    const std::string path = std::exchange(part_, "");
    unwritable(path);
  }
}

FolderReceiver::~FolderReceiver() {
  out_.reset();
  std::error_code ignored;
  if (!part_.empty()) fs::remove_all(part_, ignored);
}

void FolderReceiver::refuse(const std::string& what) const {
  fail(ErrorCode::board_command, "the results that {} sent are not those of hrt_model_exec: {}", source_,
       what);
}

void FolderReceiver::take(std::span<const std::byte> bytes) {
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  if (listed_) return write(text);
  const size_t searched = head_.size() - std::min(head_.size(), kListEnd.size());
  head_ += text;
  const size_t end = head_.find(std::string("\n") + std::string(kListEnd), searched);
  if (end == std::string::npos) {
    if (head_.size() > kLongestList) refuse("the list of its files has no end");
    return;
  }
  const std::string head = std::exchange(head_, "");
  const auto list = after_mark(std::string_view(head).substr(0, end + 1));
  if (!list) refuse("the list of its files has no start");
  take_list(*list);
  write(std::string_view(head).substr(end + 1 + kListEnd.size()));
}

// Lines "  1234 ./name"; a line "5678 total" may follow or stand between.
void FolderReceiver::take_list(std::string_view list) {
  std::set<std::string_view> names;
  while (!list.empty()) {
    std::string_view line = take_line(list);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const size_t space = line.find(' ');
    const auto size = number<uint64_t>(line.substr(0, space));
    if (!size || space == std::string_view::npos) refuse("a line of the list is " + printable(line, 100));
    std::string_view name = line.substr(space + 1);
    if (name == "total") continue;
    if (!name.starts_with("./") || !is_plain(name.substr(2)))
      refuse(fmt::format("a file is called '{}'", printable(name, 100)));
    name.remove_prefix(2);
    if (!names.insert(name).second) refuse(fmt::format("two files are called '{}'", printable(name, 100)));
    if (*size > (uint64_t{1} << 60) || total_ > (uint64_t{1} << 60) || names.size() > kMostFiles)
      refuse("there is too much of it");
    if (name == dnn::kDumpIndex && *size > kLargestIndex)  // it will be read as a whole
      refuse(fmt::format("{} has {}", dnn::kDumpIndex, size_text(*size)));
    total_ += *size;
    files_.push_back({std::string(name), *size});
  }
  std::error_code error;
  const fs::space_info space = fs::space(part_, error);
  if (!error && space.available < total_)
    fail(ErrorCode::file_unwritable, "the results of {} need {}, the disk of '{}' has {} free", source_,
         size_text(total_), folder_, size_text(space.available));
  listed_ = true;
  open_next();
}

// Opens files_[current_], and makes those that are empty.
void FolderReceiver::open_next() {
  for (; current_ < files_.size(); ++current_) {
    const std::string path = part_ + "/" + files_[current_].name;
    out_ = {std::fopen(path.c_str(), "wbx"), [](std::FILE* file) { return std::fclose(file); }};
    if (!out_) unwritable(path);
    left_ = files_[current_].size;
    if (left_ > 0) return;
  }
  out_.reset();
}

void FolderReceiver::write(std::string_view content) {
  while (!content.empty()) {
    if (!out_) refuse("they are longer than their list");
    const size_t count = static_cast<size_t>(std::min<uint64_t>(content.size(), left_));
    const std::string path = folder_ + "/" + files_[current_].name;
    if (std::fwrite(content.data(), 1, count, out_.get()) != count) unwritable(path);
    content.remove_prefix(count);
    received_ += count;
    left_ -= count;
    if (left_ > 0) continue;
    if (std::fclose(out_.release()) != 0) unwritable(path);
    ++current_;
    open_next();
  }
}

void FolderReceiver::check_index() const {
  std::map<std::string, uint64_t> sizes;  // of files that no row has named yet
  for (const File& file : files_) sizes.emplace(file.name, file.size);
  if (sizes.erase(dnn::kDumpIndex) == 0) refuse(fmt::format("there is no {}", dnn::kDumpIndex));
  const auto index = nlohmann::json::parse(read_text_file(part_ + "/" + dnn::kDumpIndex), nullptr, false);
  if (!index.is_object() || !index.contains("tensors") || !index["tensors"].is_array())
    refuse(fmt::format("{} is damaged", dnn::kDumpIndex));
  for (const auto& row : index["tensors"]) {
    const auto size = row.is_object() ? row_size(row) : std::nullopt;
    if (!size || !row.contains("files") || !row["files"].is_array())
      refuse(fmt::format("a row of {} is damaged", dnn::kDumpIndex));
    for (const auto& file : row["files"]) {
      const auto found = file.is_string() ? sizes.find(file.get<std::string>()) : sizes.end();
      if (found == sizes.end())
        refuse(
            fmt::format("{} names the file {}, which did not come", dnn::kDumpIndex,
                        printable(file.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace), 100)));
      if (found->second != *size)
        refuse(fmt::format("'{}' has {} bytes, its tensor {}", printable(found->first, 100), found->second,
                           *size));
      sizes.erase(found);
    }
  }
  if (!sizes.empty())
    refuse(
        fmt::format("{} does not name the file '{}'", dnn::kDumpIndex, printable(sizes.begin()->first, 100)));
}

void FolderReceiver::finish() {
  if (!listed_) refuse("the list of its files did not come");
  if (out_ || current_ < files_.size()) refuse(fmt::format("{} of {} bytes came", received_, total_));
  try {
    check_index();
  } catch (const nlohmann::json::exception&) {
    refuse(fmt::format("a row of {} is damaged", dnn::kDumpIndex));
  }
  fs::permissions(part_, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                             fs::perms::others_read | fs::perms::others_exec);
  std::error_code error;
  fs::rename(part_, folder_, error);
  if (error) fail(ErrorCode::file_unwritable, "cannot make the folder '{}': {}", folder_, error.message());
  part_.clear();
}

}  // namespace openhb::verify
