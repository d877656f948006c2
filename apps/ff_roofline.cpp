// SPDX-License-Identifier: MIT
#include "cli.h"
#include "stages.h"

#include "flops_fit/config/node.h"
#include "flops_fit/config/override.h"
#include "flops_fit/cost/load_model.h"
#include "flops_fit/io/json.h"
#include "flops_fit/roofline/commands.h"
#include "flops_fit/util/atomic_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace {

using ff::roofline::RooflineConfig;

/// The variables that hold a service's key by any configuration file there is: which of them
/// ff-train was last run with is not known here.
std::vector<std::string> key_variables(const ff::cli::Context& context) {
  std::vector<std::filesystem::path> files = context.config_files;
  for (const std::string& name : ff::config::config_names(context.search_path)) {
    if (const auto file = ff::config::find_config(context.search_path, name)) {
      files.push_back(*file);
    }
  }
  std::vector<std::string> out;
  for (const std::filesystem::path& file : files) {
    const ff::config::Node tree = ff::config::read_yaml(file);
    for (const char* key : {"api.key_env", "trainer.api.key_env"}) {
      const ff::config::Node* name = tree.find_path(key);
      if (name != nullptr && name->is_scalar()) {
        out.push_back(name->text);
      }
    }
  }
  return out;
}

ff::ExitCode run(const RooflineConfig& config, const ff::cli::Context& context) {
  ff::roofline::Call call{
      .command = context.command, .operands = context.operands, .search_path = context.search_path};
  if (!config.analyzer.empty()) {
    call.key_variables = key_variables(context);
  }
  for (const ff::config::Override& change : ff::config::parse_overrides(context.overrides)) {
    call.given.insert(change.key);
  }
  const ff::roofline::Report report = ff::roofline::run(config, call);
  const std::string json = ff::io::json_text(report.json, 2) + "\n";
  if (!config.output.empty()) {
    ff::write_file_atomically(config.output, report.file_text.empty() ? json : report.file_text);
  }
  if (context.json) {
    fmt::print("{}", json);
  } else if (report.is_file && config.output.empty()) {
    fmt::print("{}", report.text);
  } else if (!report.is_file) {
    ff::cli::print_text(report.text);
  }
  return report.failed ? ff::ExitCode::kBadInput : ff::ExitCode::kOk;
}

ff::cli::Subcommands commands() {
  const auto plus = [](std::vector<std::string> a, std::initializer_list<const char*> b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  const std::vector<std::string> queries = {
      "input_tokens", "cached_tokens", "batch_size", "output"};
  const std::vector<std::string> counted =
      plus(queries, {"mask", "mask_tile", "logits", "w_bit", "a_bit", "kv_bit", "modules"});
  return {
      .list = {{"table",
                "CONFIG",
                "The Transformer Roofline Analyzer's table of a model; the command where none is "
                "named.",
                plus(counted, {"profile"})},
               {"analyze",
                "CONFIG|TREE",
                "FLOPs, bytes and memory of every layer.",
                plus(counted, {"profile"})},
               {"time",
                "CONFIG|TREE",
                "How long it takes on a machine, and what bounds each operator.",
                plus(counted, {"hardware", "peak_flops", "memory_bandwidth", "precision"})},
               {"train",
                "CONFIG",
                "FLOPs per training token, tokens for a budget, memory.",
                {"input_tokens",
                 "batch_size",
                 "mask",
                 "mask_tile",
                 "recompute",
                 "remake_scores",
                 "tokens",
                 "budget",
                 "a_bit",
                 "hardware",
                 "peak_flops",
                 "precision",
                 "output"}},
               {"arch", "CONFIG", "The model as a tree of layers (JSON).", {"profile", "output"}},
               {"populate",
                "TREE",
                "The tree with the parameters of its layers, from --config.",
                {"config", "profile", "modules", "output"}},
               {"modules",
                "check [TREE]|stub CLASS|add FILE|list|schema",
                "Your module database: is it complete, begin an entry, add one, show it.",
                {"modules", "analyzer", "analyzer_timeout_s", "analyzer_env", "output"}},
               {"calibrate", "", "Measure this machine, for --hardware.", {"threads", "output"}}},
      .aliases = {{"seq-len", "input_tokens"}, {"cache-len", "cached_tokens"}}};
}

}  // namespace

int main(int argc, char** argv) {
  const ff::cli::Program program{
      .name = "ff-roofline",
      .stage = "roofline",
      .summary = fmt::format(
          "Counts what a transformer costs: FLOPs, bytes, memory and time, from a model's "
          "config.json ({}).",
          fmt::join(ff::cost::known_model_types(), ", ")),
      .examples = {"ff-roofline analyze config.json --seq-len 2048",
                   "ff-roofline time config.json --hardware h100 --seq-len 1 --cache-len 511",
                   "ff-roofline train config.json --seq-len 4096 --budget 1e22",
                   "ff-roofline --cached-tokens 1048576 1024 --input-tokens 1 1 -- config.json"},
      .files =
          "reads  config.json of a model, trees, conf/hardware/*.yaml, ff_modules.json (modules)\n"
          "writes output; modules stub and add write ff_modules.json (modules)",
      .commands = commands()};
  return ff::cli::run_program<RooflineConfig>(argc, argv, program, ff::cli::all_stages(), run);
}
