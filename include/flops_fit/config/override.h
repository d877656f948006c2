// SPDX-License-Identifier: MIT
#pragma once
// Command-line overrides in Hydra's grammar.
//   a.b=v  changes a key        +a.b=v  sets one that is unset     ++a.b=v  sets it in any case
//   a.b=   the empty text       ~a.b    back to the default        ~a.b=v   only if it is v
// Values: text (an '=' inside may be escaped, as Hydra has it, or not), 'quoted' or "quoted" text,
// numbers (1_000_000, 1e12), true, false, null, ${a.b}, [lists], {dicts: 1} (merged into the
// group), int() float() str() bool() json_str(). With --multirun also sweeps: a,b choice(a,b)
// range(0,10,2) glob(pattern). `group=option` picks an entry of a defaults list. Not served, and
// refused by name: sort() shuffle() tag() interval()
// extend_list(), and packages (group@package).
#include "flops_fit/config/schema.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ff::config {

struct Override {
  enum class Kind { kChange, kAdd, kForce, kDelete };

  Kind kind = Kind::kChange;
  std::string key;            ///< "a.b", or "group/sub"
  std::optional<Node> value;  ///< none for a sweep, and for ~key
  bool is_sweep = false;
  std::vector<Node> sweep;           ///< the values of a sweep, except of a glob
  std::vector<std::string> include;  ///< the patterns of glob(), resolved against the options
  std::vector<std::string> exclude;
  std::string text;  ///< as typed

  [[nodiscard]] bool is_group_path() const { return key.find('/') != std::string::npos; }
  /// What messages call it: override 'a.b=1'.
  [[nodiscard]] std::string origin() const { return "override '" + text + "'"; }
};

/// Throws ConfigError with the column of the fault.
[[nodiscard]] Override parse_override(std::string_view text);
[[nodiscard]] std::vector<Override> parse_overrides(const std::vector<std::string>& texts);

/// Applies an override that is neither a sweep nor a group choice to a tree that holds the defaults
/// of `schema`. Throws ConfigError: unknown key (with the nearest one), refused key, +key on a key
/// that has a value, ~key=v with another value.
void apply_override(Node& tree, const Override& change, const Schema& schema);

/// The message for `a=1,2` without --multirun.
[[nodiscard]] std::string ambiguous_value(const Override& change);

/// A value in override grammar: parse_override("k=" + override_value(v)) holds v again.
[[nodiscard]] std::string override_value(const Node& value);

/// Hydra's casts: "int", "float", "str", "bool" reach into lists and dicts, "json_str" makes one
/// text. Throws ConfigError with `origin`.
[[nodiscard]] Node cast_value(std::string_view type, const Node& value, const std::string& origin);
[[nodiscard]] bool is_cast(std::string_view name);

}  // namespace ff::config
