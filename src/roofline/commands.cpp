// SPDX-License-Identifier: MIT
// Which command does what; and arch and populate, which only write files.
#include "flops_fit/roofline/commands.h"

#include "parts.h"

#include "flops_fit/roofline/arch_file.h"

#include <map>

namespace ff::roofline {
namespace {

Report tree_report(const cost::Graph& tree, bool with_parameters) {
  Report out{.json = arch_json(tree, with_parameters), .is_file = true};
  out.text = io::json_text(out.json, 2) + "\n";
  return out;
}

Report arch(const RooflineConfig& config, const Call& call) {
  const Model model = load(only_operand(call, "a config.json"), is_compat(config, "exact"));
  return tree_report(model.graph, false);
}

Report populate_tree(const RooflineConfig& config, const Call& call) {
  const bool compat = is_compat(config, "exact");
  if (config.config.empty()) {
    throw ConfigError("populate: --config CONFIG: say whose parameters they are.");
  }
  const std::string& path = only_operand(call, "a tree, as `ff-roofline arch` writes it");
  const io::Json tree = cost::read_model_config(path);
  const Model model = load(config.config, compat);
  if (!model.spec) {
    throw error<ConfigError>("--config {}: is a tree, not a model's config.json.", config.config);
  }
  return tree_report(populate(parse_arch(tree, path),
                              model.graph,
                              modules_of(config, call, compat),
                              model.file,
                              *model.spec),
                     true);
}

}  // namespace

Report run(const RooflineConfig& config, const Call& call) {
  using Command = Report (*)(const RooflineConfig&, const Call&);
  static const std::map<std::string, Command> kCommands = {{"analyze", analyze},
                                                           {"arch", arch},
                                                           {"calibrate", calibrate},
                                                           {"modules", modules},
                                                           {"populate", populate_tree},
                                                           {"table", table},
                                                           {"time", time},
                                                           {"train", train}};
  return kCommands.at(call.command)(config, call);
}

}  // namespace ff::roofline
