// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/describe.h"

#include <fmt/format.h>

namespace openhb::bench {
namespace {

std::string in_quotes(std::string_view text) {
  std::string json = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += static_cast<unsigned char>(c) < 32 ? '?' : c;
  }
  return json + '"';
}

std::string shape_of(const Program& program, const std::vector<uint32_t>& ids) {
  return ids.empty() ? "" : to_string(program.tensors[ids[0]].dims);
}

}  // namespace

std::string describe_steps(const engine::Session& session, const std::function<std::string(size_t)>& more) {
  const Program& program = session.model().program();
  std::string steps;
  int64_t macs = 0;
  for (size_t i = 0; i < program.steps.size(); ++i) {
    const Step& step = program.steps[i];
    macs += session.model().cost(i).macs;
    steps += fmt::format(
        "{}{{\"step\": {}, \"node\": {}, \"input\": {}, \"output\": {}, \"macs\": {}, \"row\": {}{}}}",
        i ? ", " : "", in_quotes(step_name(step.params)), in_quotes(step.node),
        in_quotes(shape_of(program, step.inputs)), in_quotes(shape_of(program, step.outputs)),
        session.model().cost(i).macs, in_quotes(session.row(i)), more(i));
  }
  return fmt::format("{{\"name\": {}, \"macs\": {}, \"arena\": {}, \"steps\": [{}]}}",
                     in_quotes(program.name), macs, program.arena_size, steps);
}

}  // namespace openhb::bench
