// SPDX-License-Identifier: MIT
#pragma once
// The value tree that YAML files and command-line overrides become before a configuration struct is
// filled from it. Scalars stay text until the type of their key is known, so `010`, `1e6` and
// `500_000` mean what the key says, not what a YAML library guesses. Every node remembers where it
// came from, for the error messages.
#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace ff::config {

struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text;               ///< of a scalar
  bool quoted = false;            ///< the scalar is text, whatever it looks like: '12', "null"
  std::vector<Node> items;        ///< of a list; of a map, the values
  std::vector<std::string> keys;  ///< of a map, beside `items`, in the order written
  std::string origin;             ///< "conf/planner.yaml:12", "override 'a.b=1'"

  [[nodiscard]] static Node null(std::string origin = {});
  [[nodiscard]] static Node scalar(std::string text, bool quoted, std::string origin = {});
  [[nodiscard]] static Node list(std::string origin = {});
  [[nodiscard]] static Node map(std::string origin = {});

  [[nodiscard]] bool is_null() const { return kind == Kind::kNull; }
  [[nodiscard]] bool is_scalar() const { return kind == Kind::kScalar; }
  [[nodiscard]] bool is_list() const { return kind == Kind::kList; }
  [[nodiscard]] bool is_map() const { return kind == Kind::kMap; }

  /// The value of one key of a map; nullptr if this is no map or has no such key.
  [[nodiscard]] const Node* find(std::string_view key) const;
  [[nodiscard]] Node* find(std::string_view key);
  /// Follows a dotted path through maps and, by number, through lists. The empty path is this node.
  [[nodiscard]] const Node* find_path(std::string_view path) const;
  [[nodiscard]] Node* find_path(std::string_view path);

  /// Inserts or replaces a key of this map.
  Node& set(std::string_view key, Node value);
  /// As set() with a dotted path; what is missing on the way, or not a map, becomes a map.
  Node& set_path(std::string_view path, Node value);
  bool erase(std::string_view key);
};

/// Equal values; origins do not count.
[[nodiscard]] bool same_value(const Node& a, const Node& b);

/// Lays `over` on `base`: maps merge key by key, everything else is replaced.
void merge(Node& base, Node over);

/// Gives a tree one origin.
void set_origin(Node& node, const std::string& origin);

/// Short, for messages: "abc" for text, 12, [1, 2], null.
[[nodiscard]] std::string show(const Node& node);

/// "a.b" and "c" -> "a.b.c"; an empty side adds no dot.
[[nodiscard]] std::string join_key(std::string_view group, std::string_view name);

/// Reads a YAML file whose top level is a map (or which is empty). Origins are `name`:line. Throws
/// ConfigError, always with the line where one is known: missing file, not YAML, duplicate key, a
/// list at the top, more than one document.
[[nodiscard]] Node read_yaml(const std::filesystem::path& path);
[[nodiscard]] Node parse_yaml(std::string_view text, const std::string& name);

struct YamlStyle {
  /// Writes literal "${" as "\${", so that a resolved tree resolves to itself.
  bool escape_interpolations = false;
};
/// Block style, lists in flow style; parse_yaml() reads it back to the same values.
[[nodiscard]] std::string to_yaml(const Node& node, const YamlStyle& style = {});
/// One value as it stands after "key: ".
[[nodiscard]] std::string yaml_value(const Node& node, const YamlStyle& style = {});

/// Plain scalars become numbers and booleans, quoted ones strings; inf and nan become null.
[[nodiscard]] nlohmann::ordered_json to_json(const Node& node);

/// A path as messages show it: relative when it lies below the working directory.
[[nodiscard]] std::string display_path(const std::filesystem::path& path);

}  // namespace ff::config
