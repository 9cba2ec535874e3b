// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>

#include "common/io/file.h"
#include "device/dnn/dump.h"
#include "host/verify/dump_folder.h"
#include "host/verify/verify.h"

namespace openhb::verify {
namespace {

namespace fs = std::filesystem;

void copy_file(const std::string& from, const std::string& to) {
  write_file_atomically(to, MappedFile::open(from)->bytes());
}

// The tensors that are worth keeping of a dump: the first one that differs, and the outputs.
void keep(const std::string& dump, const std::string& first, const std::string& folder,
          const std::string& model) {
  ensure_directory(folder);
  dnn::DumpIndex index;
  for (const DumpedTensor& t : read_dump(dump)) {
    if (t.name != first && t.kind != "output") continue;
    const std::string file = fs::path(t.file).filename().string();
    write_file_atomically(folder + "/" + file, t.values.bytes());
    index.add({.files = {file},
               .kind = t.kind,
               .name = t.name,
               .dtype = t.values.dtype(),
               .shape = t.values.shape(),
               .quant = t.quant,
               .step = t.step,
               .row = t.row});
  }
  index.write(folder, model);
}

// The command that sees it again; files are in the folder of the script.
std::string script(const VerifyOptions& options, const PairResult& pair,
                   const std::vector<std::string>& inputs) {
  std::string models = "model.bin", board, user;
  if (!options.quantized.empty() && pair.left == "Quanti.onnx") models = "quanti.onnx,model.bin";
  const bool simulator = pair.left == "Sim" || pair.right == "Sim";
  for (const Address& a : options.boards)
    if (options.boards.size() == 1 || pair.left.ends_with(a.text()) || pair.right.ends_with(a.text()))
      board += (board.empty() ? "" : ",") + a.text();
  if (!board.empty() && (pair.left.starts_with("Arm") || pair.right.starts_with("Arm")))
    user = fmt::format(" -b \"${{BOARD:-{}}}\" -u {}", board, shell_quoted(options.login.user));
  if (!user.empty() && !options.board.plugins.empty())
    user += " --board-plugins " + shell_quoted(options.board.plugins);
  std::string files;
  for (const std::string& input : inputs) files += (files.empty() ? "" : ",") + input;
  return fmt::format(
      "#!/bin/sh\n"
      "# Runs this model on this input again and compares all tensors. BOARD=address takes another board; "
      "further\n"
      "# options of hb_verifier, such as --push-runtime or --key, can be given.\n"
      "cd \"$(dirname \"$0\")\" || exit 1\n"
      "exec hb_verifier -m {}{} -s {} -r True -i {} -c {} --reproducer '' \"$@\"\n",
      models, user, simulator ? "True" : "False", shell_quoted(files), options.digits);
}

}  // namespace

std::string write_reproducer(const VerifyOptions& options, const PairResult& pair, const Sample& sample,
                             std::span<const Tensor> inputs, const std::vector<std::string>& input_names,
                             const std::string& left, const std::string& right) {
  std::string folder = options.reproducer_folder;
  std::error_code ignored;
  for (int i = 1; fs::exists(folder, ignored); ++i)
    folder = fmt::format("{}_{}", options.reproducer_folder, i);
  const std::string part = folder + ".part";
  fs::remove_all(part, ignored);
  try {
    ensure_directory(part);
    const TensorResult& first = pair.tensors.at(pair.first.value_or(0));
    copy_file(options.binary, part + "/model.bin");
    if (!options.quantized.empty()) copy_file(options.quantized, part + "/quanti.onnx");
    std::vector<std::string> files;
    for (size_t i = 0; i < inputs.size(); ++i) {
      files.push_back(fmt::format("input_{}.bin", i));
      write_file_atomically(part + "/" + files.back(), inputs[i].bytes());
    }
    keep(left, first.tensor, part + "/left", "left");
    keep(right, first.tensor, part + "/right", "right");
    std::string text =
        fmt::format("{} and {} differ, sample '{}'.\nFirst tensor whose bits differ: {} ({})\n", pair.left,
                    pair.right, sample.name, first.tensor, first.step);
    text +=
        fmt::format("Kernels: {} '{}', {} '{}'\n", pair.left, first.row_left, pair.right, first.row_right);
    if (first.difference.first >= 0)
      text += fmt::format("Element {}: {} and {}; {} of {} elements differ\n",
                          position_text(first.difference.first, first.shape), first.difference.first_a,
                          first.difference.first_b, first.difference.bits_differ, first.difference.total);
    for (size_t i = 0; i < files.size(); ++i)
      text += fmt::format("{}: input '{}', {} {}\n", files[i], input_names[i], dtype_name(inputs[i].dtype()),
                          to_string(inputs[i].shape()));
    text += fmt::format(
        "left/, right/: what {} and {} computed: that tensor and the outputs\nreplay.sh: compares again\n",
        pair.left, pair.right);
    write_file_atomically(part + "/README.txt", text);
    write_file_atomically(part + "/replay.sh", script(options, pair, files));
    fs::permissions(part + "/replay.sh",
                    fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                    fs::perm_options::add, ignored);
  } catch (...) {
    fs::remove_all(part, ignored);
    throw;
  }
  std::error_code error;
  fs::rename(part, folder, error);
  if (error) {
    fs::remove_all(part, ignored);
    fail(ErrorCode::file_unwritable, "cannot name the folder '{}': {}", folder, error.message());
  }
  return folder;
}

}  // namespace openhb::verify
