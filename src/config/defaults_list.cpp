// SPDX-License-Identifier: MIT
#include "defaults_list.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

namespace ff::config {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxLoads = 300;

/// One entry of a defaults list, taken apart.
struct Entry {
  std::string name;  ///< of a file, or of a group if there is an option
  std::optional<std::string> option;
  bool optional = false;
  bool is_override = false;
};

Entry parse_entry(const Node& node) {
  Entry entry;
  if (node.is_scalar()) {
    entry.name = node.text;
  } else if (node.is_map() && node.keys.size() == 1) {
    entry.name = node.keys.front();
    const Node& value = node.items.front();
    if (value.is_list() || value.is_map()) {
      throw error<ConfigError>(
          "{}: defaults: expected group: option, found {}.", node.origin, show(value));
    }
    entry.option = value.is_null() ? "null" : value.text;
  } else {
    throw error<ConfigError>(
        "{}: defaults: expected a name or group: option, found {}.", node.origin, show(node));
  }
  for (bool again = true; again;) {
    again = false;
    for (const auto& [word, flag] :
         {std::pair{"optional ", &entry.optional}, std::pair{"override ", &entry.is_override}}) {
      if (entry.name.starts_with(word)) {
        entry.name.erase(0, std::string_view(word).size());
        *flag = again = true;
      }
    }
  }
  if (entry.name.find('@') != std::string::npos) {
    throw error<ConfigError>(
        "{}: defaults: packages ({}) are not supported.", node.origin, entry.name);
  }
  if (entry.name.starts_with('/')) {
    entry.name.erase(0, 1);
  }
  return entry;
}

/// The package that a "# @package x" line in the head of a file names; empty if there is none.
std::string package_of(const fs::path& file) {
  const std::string text = read_file(file);
  const std::string_view head = std::string_view(text).substr(0, text.find("\n\n"));
  const auto at = head.find("# @package");
  if (at == std::string_view::npos) {
    return "";
  }
  std::string_view rest = head.substr(at + 10);
  rest = rest.substr(0, rest.find('\n'));
  const auto first = rest.find_first_not_of(" \t");
  const auto last = rest.find_last_not_of(" \t\r");
  const std::string package(first == std::string_view::npos ? ""
                                                            : rest.substr(first, last - first + 1));
  if (package != "_global_" && package != "_group_") {
    throw error<ConfigError>("{}: packages (# @package {}) are not supported, only _global_.",
                             display_path(file),
                             package);
  }
  return package;
}

}  // namespace

void FileLoader::missing(const std::string& origin, const std::string& name) const {
  std::vector<std::string> folders;
  for (const fs::path& folder : request_->search_path) {
    folders.push_back(display_path(folder));
  }
  const auto names = config_names(request_->search_path);
  throw error<ConfigError>(
      "{}: there is no configuration {}. Searched: {}. Available: {}.",
      origin,
      name,
      folders.empty() ? "nowhere" : fmt::format("{}", fmt::join(folders, ", ")),
      names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

Node FileLoader::section_of(Node tree, const fs::path& file) const {
  const auto& stages = request_->stages;
  const auto is_stage = [&](const std::string& key) {
    return std::find(stages.begin(), stages.end(), key) != stages.end();
  };
  const auto is_common = [](const std::string& key) {
    return key == "description" || key == "hydra";
  };
  const bool all_stages = std::all_of(tree.keys.begin(), tree.keys.end(), [&](const auto& key) {
    return is_stage(key) || is_common(key);
  });
  const bool foreign = std::any_of(tree.keys.begin(), tree.keys.end(), [&](const auto& key) {
    return is_stage(key) && request_->schema.find(key) == nullptr;
  });
  std::error_code failure;
  const bool in_presets = fs::absolute(file, failure).parent_path().filename() == "presets";
  if (!in_presets && !(all_stages && foreign)) {
    return tree;
  }
  Node out = Node::map(tree.origin);
  for (size_t i = 0; i < tree.keys.size(); ++i) {
    const std::string& key = tree.keys[i];
    if (!is_stage(key) && !is_common(key)) {
      const auto near = nearest_key(key, stages);
      throw error<ConfigError>("{}: unknown section {}. A preset is keyed by stage: {}.{}",
                               tree.items[i].origin,
                               key,
                               fmt::join(stages, ", "),
                               near ? fmt::format(" Did you mean {}?", *near) : "");
    }
    if (key == request_->stage) {
      if (!tree.items[i].is_map() && !tree.items[i].is_null()) {
        throw error<ConfigError>("{}: {}: expected a group of keys, found {}.",
                                 tree.items[i].origin,
                                 key,
                                 show(tree.items[i]));
      }
      merge(out, tree.items[i]);
    } else if (key == "hydra") {
      out.set(key, tree.items[i]);
    }
  }
  return out;
}

Node FileLoader::load(const fs::path& file) {
  if (std::find(open_.begin(), open_.end(), file) != open_.end()) {
    throw error<ConfigError>("{}: the defaults lists run in a circle.", display_path(file));
  }
  // Lists that each name the next file twice would double the work with every file.
  if (++loads_ > kMaxLoads) {
    throw error<ConfigError>(
        "{}: the defaults lists load more than {} files.", display_path(file), kMaxLoads);
  }
  Node tree = read_yaml(file);
  (void)package_of(file);  // refuses packages
  if (std::find(files_.begin(), files_.end(), file) == files_.end()) {
    files_.push_back(file);
  }
  const Node* list = tree.find("defaults");
  // A stage may have a key of that name; a defaults list is a list.
  if (list == nullptr || !list->is_list()) {
    return section_of(std::move(tree), file);
  }
  const Node defaults = *list;
  tree.erase("defaults");
  const bool has_self =
      std::any_of(defaults.items.begin(), defaults.items.end(), [](const Node& entry) {
        return entry.is_scalar() && entry.text == "_self_";
      });
  const bool has_keys = std::any_of(
      tree.keys.begin(), tree.keys.end(), [](const auto& key) { return key != "description"; });
  if (!has_self && has_keys) {
    throw error<ConfigError>(
        "{}: the defaults list needs an entry _self_, because the file has keys of its own. Last "
        "means that they win.",
        defaults.origin);
  }
  open_.push_back(file);
  note_overrides(defaults);
  Node own = section_of(std::move(tree), file);
  Node result = Node::map(defaults.origin);
  for (const Node& entry : defaults.items) {
    if (entry.is_scalar() && entry.text == "_self_") {
      merge(result, own);
    } else {
      apply_entry(entry, result);
    }
  }
  open_.pop_back();
  return result;
}

/// `override group: option` counts for entries that come earlier, so it is read first. The command
/// line wins over it.
void FileLoader::note_overrides(const Node& defaults) {
  for (const Node& node : defaults.items) {
    const Entry entry = parse_entry(node);
    if (entry.is_override && entry.option && !entry.name.starts_with("hydra/")) {
      choices_->try_emplace(entry.name, GroupChoice{*entry.option, node.origin});
    }
  }
}

void FileLoader::apply_entry(const Node& node, Node& result) {
  const Entry entry = parse_entry(node);
  // hydra/launcher and the like choose parts of Hydra that do not exist here.
  if (entry.is_override || entry.name.starts_with("hydra/")) {
    return;
  }
  if (!entry.option) {
    merge(result, load_name(entry.name, node.origin, entry.optional));
    return;
  }
  std::string option = *entry.option;
  std::string origin = node.origin;
  if (const auto found = choices_->find(entry.name); found != choices_->end()) {
    found->second.used = true;
    option = found->second.option;
    origin = found->second.origin;
  }
  if (option != "null") {
    merge(result, load_option(entry.name, option, origin, entry.optional));
  }
}

Node FileLoader::load_name(const std::string& name, const std::string& origin, bool optional) {
  const auto& stages = request_->stages;
  // `/trainer` in a preset is for ff-train alone.
  if (name != request_->stage && std::find(stages.begin(), stages.end(), name) != stages.end()) {
    return Node::map(origin);
  }
  const auto file = find_config(request_->search_path, name);
  if (!file) {
    if (optional) {
      return Node::map(origin);
    }
    missing(origin, name);
  }
  return load(*file);
}

Node FileLoader::load_option(const std::string& group,
                             const std::string& option,
                             const std::string& origin,
                             bool optional) {
  const auto file = find_config(request_->search_path, group + "/" + option);
  if (!file) {
    if (optional) {
      return Node::map(origin);
    }
    const auto options = group_options(request_->search_path, group);
    if (options.empty()) {
      missing(origin, group + "/" + option);
    }
    throw error<ConfigError>("{}: the group {} has no option {}. There are: {}.",
                             origin,
                             group,
                             option,
                             fmt::join(options, ", "));
  }
  Node content = load(*file);
  if (package_of(*file) == "_global_") {
    return content;
  }
  std::string key = group;
  std::replace(key.begin(), key.end(), '/', '.');
  Node out = Node::map(origin);
  out.set_path(key, std::move(content));
  return out;
}

}  // namespace ff::config
