// SPDX-License-Identifier: MIT
#include "flops_fit/config/compose.h"

#include "defaults_list.h"

#include "flops_fit/config/interpolate.h"
#include "flops_fit/util/error.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace ff::config {
namespace {

namespace fs = std::filesystem;

/// Whether an override picks an option of a config group instead of setting a key.
bool is_group_choice(const Override& change, const ComposeRequest& request) {
  if (change.is_group_path()) {
    return true;
  }
  const bool one_word = change.value && change.value->is_scalar() && !change.value->text.empty();
  const Schema* known = request.schema.find(change.key);
  return (known == nullptr || known->is_group()) && (one_word || !change.value) &&
         change.key.find('.') == std::string::npos &&
         !group_options(request.search_path, change.key).empty();
}

/// The group choices of the command line; ~group is the option "null".
std::map<std::string, GroupChoice> group_choices(const std::vector<Override>& overrides,
                                                 const ComposeRequest& request) {
  std::map<std::string, GroupChoice> out;
  for (const Override& change : overrides) {
    // ~key on a known group of keys resets the keys.
    const bool reset = change.kind == Override::Kind::kDelete && !change.is_group_path() &&
                       request.schema.find(change.key) != nullptr;
    if (!reset && is_group_choice(change, request)) {
      const bool none = change.kind == Override::Kind::kDelete || change.value->is_null();
      out[change.key] = {none ? "null" : change.value->text, change.origin()};
    }
  }
  return out;
}

/// Takes `hydra:` out of the tree; what it asks for that does not exist here goes to the warnings.
void take_hydra(Composition& out) {
  const Node* hydra = out.tree.find("hydra");
  if (hydra == nullptr) {
    return;
  }
  std::vector<std::string> ignored;
  const auto walk = [&](const auto& self, const Node& node, const std::string& path) -> void {
    if (path == "hydra.run.dir" && node.is_scalar()) {
      out.hydra.run_dir = node.text;
    } else if (path == "hydra.output_subdir" && !node.is_map()) {
      out.hydra.output_subdir = node.is_scalar() ? std::optional(node.text) : std::nullopt;
    } else if (node.is_map()) {
      for (size_t i = 0; i < node.keys.size(); ++i) {
        self(self, node.items[i], join_key(path, node.keys[i]));
      }
    } else {
      ignored.push_back(path);
    }
  };
  walk(walk, *hydra, "hydra");
  if (!ignored.empty()) {
    out.warnings.push_back(
        fmt::format("{}: of the hydra section only run.dir and output_subdir have a meaning here; "
                    "ignored: {}.",
                    hydra->origin,
                    fmt::join(ignored, ", ")));
  }
  out.tree.erase("hydra");
}

}  // namespace

Composition compose(const ComposeRequest& request) {
  const auto overrides = parse_overrides(request.overrides);
  for (const Override& change : overrides) {
    if (change.is_sweep) {
      throw ConfigError(ambiguous_value(change));
    }
  }
  auto choices = group_choices(overrides, request);
  FileLoader loader(request, choices);
  Composition out;
  out.tree = values(request.schema);

  const auto stage_file = find_config(request.search_path, request.stage);
  std::optional<fs::path> chosen;
  if (!request.config_name.empty()) {
    chosen = find_config(request.search_path, request.config_name);
    if (!chosen) {
      loader.missing("--config-name", request.config_name);
    }
  }
  if (stage_file && stage_file != chosen) {
    merge(out.tree, loader.load(*stage_file));
  }
  if (chosen) {
    merge(out.tree, loader.load(*chosen));
  }

  for (const Override& change : overrides) {
    const auto choice = choices.find(change.key);
    if (choice != choices.end() && choice->second.origin == change.origin()) {
      // Used already, in the place of a defaults list; or appended with +; or a mistake.
      const bool adds =
          change.kind == Override::Kind::kAdd || change.kind == Override::Kind::kForce;
      if (!choice->second.used && !adds) {
        throw error<ConfigError>("{}: no defaults list has the group {}. To add it, write +{}=...",
                                 change.origin(),
                                 change.key,
                                 change.key);
      }
      if (!choice->second.used) {
        merge(out.tree, loader.load_option(change.key, choice->second.option, change.origin()));
      }
    }
  }
  for (const Override& change : overrides) {
    const auto choice = choices.find(change.key);
    if (choice != choices.end() && choice->second.origin == change.origin()) {
      continue;
    }
    if (change.key == "hydra" || change.key.starts_with("hydra.")) {
      if (change.value) {
        out.tree.set_path(change.key, *change.value);
      }
      continue;
    }
    apply_override(out.tree, change, request.schema);
  }
  resolve(out.tree);
  take_hydra(out);
  out.files = loader.files();
  return out;
}

}  // namespace ff::config
