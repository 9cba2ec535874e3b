// SPDX-License-Identifier: Apache-2.0
#include "host/tools/vec_diff/vec_diff.h"

#include <filesystem>

#include "host/report/progress.h"
#include "host/tools/run.h"

namespace openhb::tools {
namespace fs = std::filesystem;
namespace {

// The result must not replace what it is about.
void check_output(const std::string& output, const verify::VecDiff& result) {
  std::error_code ignored;
  for (const verify::VecDiffRow& row : result.rows)
    for (const std::string& file : {row.left, row.right})
      if (fs::equivalent(output, file, ignored))
        fail(ErrorCode::usage, "the result would replace '{}', which is compared; name another file", output);
}

void describe(const verify::VecDiffRow& row, report::Log& log) {
  if (!row.note.empty()) log.warning("{}: {}", row.name, row.note);
  const verify::Difference& d = row.difference;
  if (d.line_nan > 0)
    log.warning("{}: {} of {} elements are NaN or infinite on one side only: no similarity", row.name,
                d.line_nan, d.total);
  if (d.first < 0) return;
  const Shape shape = row.left_shape.value_or(row.right_shape.value_or(Shape{static_cast<int64_t>(d.total)}));
  log.debug("{}: '{}' against '{}': first different element {}: {} and {}; largest difference at {}",
            row.name, row.left, row.right, verify::position_text(d.first, shape), d.first_a, d.first_b,
            d.worst < 0 ? "none" : verify::position_text(d.worst, shape));
}

// How many rows are in order, with a line about every other one.
size_t passed_rows(const VecDiffArguments& arguments, const verify::VecDiff& result, report::Log& log) {
  size_t passed = 0;
  for (const verify::VecDiffRow& row : result.rows) {
    if (row.error)
      log.error("{}", row.error->text());
    else if (const std::string why = arguments.limits.broken_by(row); !why.empty())
      log.error("{}: {}", row.name, why);
    else
      ++passed;
  }
  return passed;
}

int run(const VecDiffArguments& arguments, report::Log& log) {
  ensure_directory(fs::path(arguments.output).parent_path().string());
  watch_signals();
  report::StageProgress bar(!arguments.quiet);
  const verify::VecDiff result = verify::vec_diff(
      arguments.compare, [&](size_t done, size_t total) { bar.show("Comparing", done, total); });
  check_output(arguments.output, result);
  check_output(arguments.json, result);
  for (const std::string& file : result.missing)
    log.warning("'{}' is listed in the dump's index and not there", file);
  for (const auto* files : {&result.only_left, &result.only_right})
    for (const std::string& file : *files)
      log.warning("'{}' has no partner in '{}'", file,
                  files == &result.only_left ? arguments.compare.right : arguments.compare.left);
  for (const verify::VecDiffRow& row : result.rows)
    if (!row.error) describe(row, log);
  if (result.raw > 0)
    log.warning(
        "{} tensors are compared as they lie in memory, padding included; --dump_intermediate 1 and 3 "
        "leave it out",
        result.raw);
  log.info("{}:\n{}",
           result.rows.size() > 1
               ? fmt::format("{} pairs compared (* worst of its column)", result.rows.size())
               : "1 pair compared",
           verify::vec_diff_table(result, arguments.order));
  const size_t passed = passed_rows(arguments, result, log);
  const bool incomplete = arguments.strict && !result.complete();
  if (incomplete)
    log.error("--strict: {} files have no partner",
              result.only_left.size() + result.only_right.size() + result.missing.size());
  const bool fine = passed == result.rows.size() && !incomplete;
  write_file_atomically(arguments.output, std::string_view(verify::vec_diff_csv(result)));
  if (!arguments.json.empty())
    write_file_atomically(arguments.json, std::string_view(verify::vec_diff_json(result, arguments.compare,
                                                                                 arguments.limits, fine)));
  log.info("Results in {}", arguments.output);
  if (passed < result.rows.size())
    log.error("{} of {} pairs failed: not compared, or beyond a limit", result.rows.size() - passed,
              result.rows.size());
  return fine ? 0 : 1;
}

}  // namespace

int vec_diff(const VecDiffArguments& arguments) {
  return run_command("vec_diff", "", arguments, [&](report::Log& log) { return run(arguments, log); });
}

}  // namespace openhb::tools
