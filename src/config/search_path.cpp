// SPDX-License-Identifier: MIT
#include "flops_fit/config/compose.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <cstdlib>
#include <fnmatch.h>
#include <set>
#include <system_error>

namespace ff::config {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

/// Throws for what is there, or may be, and cannot be looked at: it is not to be taken for missing.
bool is_readable_file(const fs::path& path) {
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  if (failure && status.type() != fs::file_type::not_found) {
    throw error<ConfigError>("{}: {}.", path.string(), failure.message());
  }
  return status.type() == fs::file_type::regular;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

fs::path named_folder(std::string_view option, const std::string& folder) {
  std::error_code failure;
  const fs::file_status status = fs::status(folder, failure);
  if (status.type() == fs::file_type::not_found || (!failure && !fs::is_directory(status))) {
    throw error<ConfigError>("{} {}: there is no such folder.", option, folder);
  }
  if (failure) {
    throw error<ConfigError>("{} {}: {}.", option, folder, failure.message());
  }
  return folder;
}

/// `conf` with a planner.yaml in a folder or one above it: the build tree of a checkout.
std::optional<fs::path> conf_above(fs::path folder) {
  while (true) {
    if (is_file(folder / "conf" / "planner.yaml")) {
      return folder / "conf";
    }
    if (!folder.has_relative_path()) {
      return std::nullopt;
    }
    folder = folder.parent_path();
  }
}

std::optional<fs::path> primary_folder(const SearchPlaces& places) {
  if (!places.config_path.empty()) {
    return named_folder("--config-path", places.config_path);
  }
  if (const char* variable = std::getenv("FLOPS_FIT_CONF");
      variable != nullptr && *variable != '\0') {
    return named_folder("$FLOPS_FIT_CONF:", variable);
  }
  const fs::path installed = places.executable_dir / ".." / "share" / "flops-fit" / "conf";
  if (is_folder(installed)) {
    return installed.lexically_normal();
  }
  return conf_above(places.executable_dir);
}

/// Names of the YAML files of a folder, sorted, without ".yaml".
std::vector<std::string> yaml_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code failure;
  fs::directory_iterator entry(folder, failure);
  for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
    if (entry->path().extension() == ".yaml" && is_file(entry->path())) {
      names.push_back(entry->path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::vector<fs::path> search_path(const SearchPlaces& places) {
  std::vector<fs::path> out;
  if (!places.config_dir.empty()) {
    out.push_back(named_folder("--config-dir", places.config_dir));
  }
  if (auto primary = primary_folder(places)) {
    out.push_back(std::move(*primary));
  }
  return out;
}

fs::path executable_dir() {
  std::error_code failure;
  const fs::path self = fs::read_symlink("/proc/self/exe", failure);
  return failure ? fs::path(".") : self.parent_path();
}

std::vector<std::string> config_names(const std::vector<fs::path>& search_path) {
  std::set<std::string> names;
  for (const fs::path& folder : search_path) {
    for (const std::string& name : yaml_names(folder)) {
      names.insert(name);
    }
    for (const std::string& name : yaml_names(folder / "presets")) {
      names.insert("presets/" + name);
    }
  }
  return {names.begin(), names.end()};
}

std::optional<fs::path> find_config(const std::vector<fs::path>& search_path,
                                    const std::string& name) {
  const bool has_suffix = fs::path(name).extension() == ".yaml";
  const std::string file = has_suffix ? name : name + ".yaml";
  if (name.starts_with('/') || name.starts_with("./") || name.starts_with("../")) {
    return is_readable_file(file) ? std::optional<fs::path>(file) : std::nullopt;
  }
  for (const char* prefix : {"", "presets"}) {
    for (const fs::path& folder : search_path) {
      if (is_readable_file(folder / prefix / file)) {
        return folder / prefix / file;
      }
    }
  }
  return std::nullopt;
}

std::vector<std::string> group_options(const std::vector<fs::path>& search_path,
                                       const std::string& group) {
  std::set<std::string> names;
  for (const fs::path& folder : search_path) {
    for (const std::string& name : yaml_names(folder / group)) {
      names.insert(name);
    }
  }
  return {names.begin(), names.end()};
}

std::vector<Preset> list_presets(const std::vector<fs::path>& search_path) {
  std::vector<Preset> out;
  for (const std::string& name : group_options(search_path, "presets")) {
    const fs::path file = *find_config(search_path, "presets/" + name);
    const Node tree = read_yaml(file);
    const Node* description = tree.find("description");
    out.push_back({name, description != nullptr ? description->text : "", file});
  }
  return out;
}

std::vector<Node> sweep_values(const Override& change, const std::vector<fs::path>& search_path) {
  if (change.include.empty()) {
    return change.sweep;
  }
  const auto options = group_options(search_path, change.key);
  const auto matches = [](const std::vector<std::string>& patterns, const std::string& name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
      return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
  };
  std::vector<Node> out;
  for (const std::string& name : options) {
    if (matches(change.include, name) && !matches(change.exclude, name)) {
      out.push_back(Node::scalar(name, false, change.origin()));
    }
  }
  if (out.empty()) {
    throw error<ConfigError>(
        "{}: glob() found no matching file in the config group {}.", change.origin(), change.key);
  }
  return out;
}

}  // namespace ff::config
