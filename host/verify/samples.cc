// SPDX-License-Identifier: Apache-2.0
#include "host/verify/samples.h"

#include <algorithm>
#include <filesystem>

#include "common/image/image.h"
#include "common/io/file.h"
#include "common/text/text.h"
#include "device/tools/model_exec/inputs.h"

namespace openhb::verify {
namespace {

namespace fs = std::filesystem;

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_sample(const std::string& path) {
  const std::string kind = fs::path(path).extension();
  return is_image_path(path) || kind == ".bin" || kind == ".yuv" || kind == ".nv12";
}

// Text files count only where there is nothing else: among pictures they are lists and licences.
std::vector<std::string> files_of(const std::string& folder) {
  std::vector<std::string> files, texts;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    if (name.starts_with('.') || !it->is_regular_file(ignored)) continue;
    if (is_sample(name))
      files.push_back(it->path().string());
    else if (name.ends_with(".txt"))
      texts.push_back(it->path().string());
  }
  if (error) fail(ErrorCode::file_unreadable, "cannot list the folder '{}': {}", folder, error.message());
  if (files.empty()) files = std::move(texts);
  if (files.empty())
    fail(ErrorCode::data_missing,
         "the folder '{}' has no files of kind .jpg, .jpeg, .png, .bmp, .bin or .txt", folder);
  std::ranges::sort(files);
  return files;
}

// "name:file" where the name is that of an input.
size_t named_input(const std::string& word, const std::vector<std::string>& names, std::string& path) {
  for (size_t i = 0; i < names.size(); ++i)
    if (word.starts_with(names[i] + ":")) {
      path = word.substr(names[i].size() + 1);
      return i;
    }
  return names.size();
}

// A path per input, of a file or a folder.
std::vector<std::string> paths_by_input(const std::string& text, const std::vector<std::string>& names) {
  const std::vector<std::string> words = split(text, ',');
  std::vector<std::string> paths(names.size());
  size_t named = 0;
  for (const std::string& word : words) {
    std::string path;
    const size_t i = named_input(word, names, path);
    if (i == names.size()) continue;
    if (!paths[i].empty()) fail(ErrorCode::usage, "--input-img gives input '{}' two files", names[i]);
    paths[i] = path;
    ++named;
  }
  if (named == 0) {
    if (words.size() == 1 && names.size() > 1 && is_folder(words[0])) {
      for (size_t i = 0; i < names.size(); ++i) {
        paths[i] = words[0] + "/" + names[i];
        if (!is_folder(paths[i]))
          fail(ErrorCode::data_missing, "--input-img {}: a folder '{}' for input '{}' is missing in it",
               words[0], names[i], names[i]);
      }
      return paths;
    }
    std::error_code ignored;
    for (const std::string& word : words)
      if (const size_t colon = word.find(':'); colon != std::string::npos && !fs::exists(word, ignored))
        fail(ErrorCode::usage, "--input-img {}: the model has no input '{}'; its inputs are: {}.{}", word,
             word.substr(0, colon), fmt::join(names, ", "), suggestion(word.substr(0, colon), names));
    if (words.size() != names.size())
      fail(ErrorCode::usage, "--input-img names {} files, the model has {} inputs: {}", words.size(),
           names.size(), fmt::join(names, ", "));
    return words;
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (paths[i].empty() || named != words.size())
      fail(ErrorCode::usage, "--input-img: write every input as name:file; the model's inputs are: {}",
           fmt::join(names, ", "));
  return paths;
}

}  // namespace

Samples::Samples(const model_exec::ModelHandle& model, const SampleOptions& options)
    : model_(model), options_(options) {
  if (options.input.empty()) {
    const size_t count = std::max<size_t>(options.count, 1);
    for (size_t i = 0; i < count; ++i)
      samples_.push_back({count == 1 ? fmt::format("random, seed {}", options.seed)
                                     : fmt::format("random {}, seed {}", i, options.seed),
                          {}});
    return;
  }
  std::vector<std::string> names;
  for (const auto& port : model.inputs) names.push_back(port.name);
  std::vector<std::vector<std::string>> files;
  size_t count = 1;
  const auto paths = paths_by_input(options.input, names);
  for (size_t i = 0; i < paths.size(); ++i) {
    std::error_code ignored;
    if (!fs::exists(paths[i], ignored))
      fail(ErrorCode::file_missing, "--input-img: '{}' for input '{}' does not exist", paths[i], names[i]);
    files.push_back(is_folder(paths[i]) ? files_of(paths[i]) : std::vector<std::string>{paths[i]});
    if (!is_folder(paths[i])) continue;
    if (count != 1 && files[i].size() != count)
      fail(ErrorCode::data_missing, "'{}' has {} files, the folders of other inputs have {}", paths[i],
           files[i].size(), count);
    count = files[i].size();
  }
  if (options.count > count)
    fail(ErrorCode::data_missing, "--samples {}: --input-img has {} only", options.count, count);
  if (options.count > 0) count = options.count;
  for (size_t s = 0; s < count; ++s) {
    Sample sample;
    for (size_t i = 0; i < files.size(); ++i) {
      const std::string& file = files[i][files[i].size() == 1 ? 0 : s];
      sample.files.emplace_back(names[i], file);
      if (!sample.name.empty()) sample.name += ", ";
      sample.name += fs::path(file).filename().string();
    }
    samples_.push_back(std::move(sample));
  }
}

std::vector<Tensor> Samples::load(size_t sample) const {
  std::vector<Tensor> tensors;
  std::seed_seq seed{static_cast<uint32_t>(options_.seed), static_cast<uint32_t>(options_.seed >> 32),
                     static_cast<uint32_t>(sample)};
  std::mt19937 random(seed);
  for (size_t i = 0; i < model_.inputs.size(); ++i)
    tensors.push_back(samples_[sample].files.empty()
                          ? model_exec::random_input(model_.inputs[i], random)
                          : model_exec::load_input(model_, i, samples_[sample].files[i].second).tensor);
  return tensors;
}

}  // namespace openhb::verify
