// SPDX-License-Identifier: MIT
// The override grammar: every line of an input is one override.
#include "support.h"
#include "targets.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/config/interpolate.h"
#include "flops_fit/config/load.h"
#include "flops_fit/config/pipeline.h"
#include "flops_fit/plan/config.h"

namespace ff::fuzz {
namespace {

const config::Schema& schema() {
  static const config::Schema kSchema = config::describe<plan::PlanConfig>();
  return kSchema;
}

/// A value written in the grammar is read back as it was.
void check_round_trip(const config::Override& change) {
  if (!change.value) {
    return;
  }
  const std::string text = "k=" + config::override_value(*change.value);
  const config::Override again = config::parse_override(text);
  require(again.value.has_value(), "a value that was written is one value");
  require("k=" + config::override_value(*again.value) == text, "a value survives writing");
}

}  // namespace

void overrides(const uint8_t* data, size_t size) {
  std::string_view text = text_of(data, size);
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < 8) {
    lines.emplace_back(take_line(text));
  }
  config::Node tree = config::values(schema());
  for (const std::string& line : lines) {
    accepts([&] {
      const config::Override change = config::parse_override(line);
      check_round_trip(change);
      if (!change.is_sweep) {
        config::apply_override(tree, change, schema());
      }
    });
  }
  accepts([&] {
    config::resolve(tree);
    (void)config::load<plan::PlanConfig>(tree);
  });
  static const std::vector<config::StageSchema> kStages = {
      config::schema_of<plan::PlanConfig>("planner"),
      config::schema_of<data::DatasetConfig>("tokenizer")};
  accepts([&] { (void)config::route_overrides("planner", kStages, lines); });
  if (text_of(data, size).find("range") == std::string_view::npos) {  // 100000 values are many
    accepts([&] { (void)config::expand_sweeps(lines, {}); });
  }
}

}  // namespace ff::fuzz
