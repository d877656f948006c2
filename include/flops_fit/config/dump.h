// SPDX-License-Identifier: MIT
#pragma once
// A filled configuration as YAML, JSON, a hash, or a commented file of defaults.
#include "flops_fit/config/schema.h"
#include "flops_fit/util/hash.h"

namespace ff::config {

template <class T>
[[nodiscard]] Node dump_node(const T& config) {
  return values(describe<T>(config));
}

/// In the order declared; load(parse_yaml(...)) gives an equal configuration. Text that holds "${"
/// is written as it stands: the defaults of a struct may be interpolations.
template <class T>
[[nodiscard]] std::string dump_yaml(const T& config) {
  return to_yaml(dump_node(config));
}

/// As dump_yaml() for a resolved configuration: a literal "${" is escaped.
template <class T>
[[nodiscard]] std::string dump_resolved_yaml(const T& config) {
  return to_yaml(dump_node(config), {.escape_interpolations = true});
}

/// nlohmann::ordered_json; `auto`, so that only who calls it needs <nlohmann/json.hpp>.
template <class T>
[[nodiscard]] auto dump_json(const T& config) {
  return to_json(dump_node(config));
}

/// Only the keys that can change a result (FieldInfo::identity); a group with identity = false is
/// left out whole.
template <class T>
[[nodiscard]] std::string identity_yaml(const T& config) {
  return to_yaml(values(describe<T>(config), /*identity_only=*/true));
}

template <class T>
[[nodiscard]] uint64_t identity_hash(const T& config) {
  return fnv1a(identity_yaml(config));
}

/// The YAML of conf/<stage>.yaml: `header` as a comment, then each key below its documentation,
/// unit and choices.
[[nodiscard]] std::string defaults_file(const Schema& schema, std::string_view header);

/// The keys below `group` (all of them if it is empty) with default and documentation, aligned and
/// wrapped to `width` columns. Throws ConfigError, naming the nearest key, for an unknown group.
[[nodiscard]] std::string help_tree(const Schema& schema, std::string_view group, size_t width);

/// Doc, unit, range and choices of one key in a sentence or two.
[[nodiscard]] std::string full_doc(const Schema& schema);

/// `text` in lines of at most `width` columns, broken at blanks; a longer word stands alone.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, size_t width);

}  // namespace ff::config
