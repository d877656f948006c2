// SPDX-License-Identifier: MIT
#pragma once
// From files and overrides to the one tree a program runs with:
//   built-in defaults < conf/<stage>.yaml < the file of --config-name < group=option < overrides,
// then interpolations are resolved. A configuration file holds the keys of one stage, or is a
// preset: keyed by stage (planner:, trainer:, ...), so that one file serves a whole pipeline.
//
// A file is a preset if it lies in a folder named presets, or if all its sections are stages and at
// least one of them is not a key of this stage (ff-train has a group `trainer` of its own).
#include "flops_fit/config/override.h"
#include "flops_fit/config/schema.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ff::config {

/// Where configuration files are looked for, first to last: --config-dir, then the primary folder:
/// --config-path, or else the first that exists of $FLOPS_FIT_CONF, <exe>/../share/flops-fit/conf,
/// and `conf` (with a planner.yaml) beside or above the executable, as in a build tree.
struct SearchPlaces {
  std::string config_dir;
  std::string config_path;
  std::filesystem::path executable_dir;
};
/// Throws ConfigError if a folder that the user named does not exist.
[[nodiscard]] std::vector<std::filesystem::path> search_path(const SearchPlaces& places);

/// The folder of the running program.
[[nodiscard]] std::filesystem::path executable_dir();

/// Names that --config-name takes, without ".yaml": "planner", "presets/cpu_fast".
[[nodiscard]] std::vector<std::string> config_names(
    const std::vector<std::filesystem::path>& search_path);

/// The file of a name: NAME.yaml in the search path, or presets/NAME.yaml if there is no such file.
/// A name that starts with / or . is a path.
[[nodiscard]] std::optional<std::filesystem::path> find_config(
    const std::vector<std::filesystem::path>& search_path, const std::string& name);

/// The options of a config group: the names of the YAML files in that folder of the search path.
[[nodiscard]] std::vector<std::string> group_options(
    const std::vector<std::filesystem::path>& search_path, const std::string& group);

struct Preset {
  std::string name;  ///< "cpu_fast"
  std::string description;
  std::filesystem::path file;
};
[[nodiscard]] std::vector<Preset> list_presets(
    const std::vector<std::filesystem::path>& search_path);

struct ComposeRequest {
  std::string stage;  ///< "planner"
  Schema schema;
  std::vector<std::string> stages;  ///< all stages: the sections a preset may have
  std::vector<std::filesystem::path> search_path;
  std::string config_name;  ///< empty: only <stage>.yaml
  std::vector<std::string> overrides;
};

/// What a `hydra:` section may ask for here.
struct HydraSettings {
  std::string run_dir = ".";                 ///< the working directory to run in
  std::optional<std::string> output_subdir;  ///< where config.yaml and overrides.yaml are written
};

struct Composition {
  Node tree;  ///< resolved, for load()
  HydraSettings hydra;
  std::vector<std::filesystem::path> files;  ///< in the order read
  std::vector<std::string> warnings;         ///< for the log
};

/// Throws ConfigError: a missing file (with the search path and the names there are), a fault in a
/// file or override, an unknown section of a preset, a defaults list without _self_.
[[nodiscard]] Composition compose(const ComposeRequest& request);

/// The values that a sweep override takes; of a glob, the options of its group that match.
[[nodiscard]] std::vector<Node> sweep_values(const Override& change,
                                             const std::vector<std::filesystem::path>& search_path);

}  // namespace ff::config
