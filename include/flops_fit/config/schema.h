// SPDX-License-Identifier: MIT
#pragma once
// A configuration struct as data: its keys, their types, defaults and documentation, collected from
// visit() once. Help, key lists, default files, dumps and hashes are plain functions over it.
#include "flops_fit/config/field.h"
#include "flops_fit/config/node.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ff::config {

/// One key. Groups have children; leaves have a value.
struct Schema {
  enum class Type { kGroup, kBool, kInt, kReal, kText };

  std::string name;
  Type type = Type::kGroup;
  bool optional = false;  ///< null is a value
  int list_depth = 0;     ///< 1 for [..], 2 for [[..]]
  std::string doc;
  std::string unit;
  double min = 0;
  double max = 0;
  std::vector<std::string> choices;
  bool identity = true;
  std::string refusal;  ///< not empty: the key is known and refused, for this reason
  Node value;           ///< of a leaf: its default; strings are marked quoted
  std::vector<Schema> children;

  [[nodiscard]] bool is_group() const {
    return type == Type::kGroup && list_depth == 0 && !optional;
  }
  [[nodiscard]] bool is_refused() const { return !refusal.empty(); }
  /// By dotted path, refused keys included; nullptr if there is no such key.
  [[nodiscard]] const Schema* find(std::string_view path) const;
  /// The refused key that `path` is, or lies below.
  [[nodiscard]] const Schema* find_refused(std::string_view path) const;
};

/// Full dotted keys of all leaves, in the order declared.
[[nodiscard]] std::vector<std::string> keys(const Schema& schema);
[[nodiscard]] std::vector<std::string> refused_keys(const Schema& schema);

/// The values of a schema as a tree; with `identity_only`, without the keys (and whole groups) that
/// cannot change a result.
[[nodiscard]] Node values(const Schema& schema, bool identity_only = false);

/// The known key most like `key`: by edit distance over the full key or over the last component, so
/// that "num_budget" finds "compute.num_budgets". nullopt when nothing is near.
[[nodiscard]] std::optional<std::string> nearest_key(std::string_view key,
                                                     std::span<const std::string> known);
/// " Did you mean compute.num_budgets?", or where to find the list of keys.
[[nodiscard]] std::string suggestion(std::string_view key, std::span<const std::string> known);

/// The keys of one stage, for preset sections and for routing the overrides of a whole pipeline.
struct StageSchema {
  std::string name;                  ///< "planner"
  std::vector<std::string> keys;     ///< full dotted keys
  std::vector<std::string> refused;  ///< known, and refused with a reason

  /// A key, a group of keys, or a place inside a key.
  [[nodiscard]] bool knows(std::string_view key) const;
  [[nodiscard]] bool refuses(std::string_view key) const;
};

namespace detail {

/// Stands for "any visitor" when asking whether a type has visit().
struct ProbeVisitor {
  template <class T>
  void operator()(std::string_view, T&, const FieldInfo& = {}) {}
  void refused(std::string_view, std::string_view) {}
};

template <class T>
concept Visitable = requires(T& value, ProbeVisitor& visitor) {
  value.visit(visitor);
};

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kUnsupported = false;

/// A leaf of the tree from text, quoted because a string stays one.
[[nodiscard]] Node built_in(std::string text, bool quoted);

template <class T>
Schema::Type leaf_type() {
  if constexpr (std::same_as<T, bool>) {
    return Schema::Type::kBool;
  } else if constexpr (std::integral<T>) {
    return Schema::Type::kInt;
  } else if constexpr (std::floating_point<T>) {
    return Schema::Type::kReal;
  } else if constexpr (std::same_as<T, std::string>) {
    return Schema::Type::kText;
  } else {
    static_assert(kUnsupported<T>, "a configuration field of a type that field.h does not list");
  }
}

template <class T>
void set_type(Schema& schema) {
  if constexpr (kIsOptional<T>) {
    schema.optional = true;
    set_type<typename T::value_type>(schema);
  } else if constexpr (kIsVector<T>) {
    ++schema.list_depth;
    set_type<typename T::value_type>(schema);
  } else if constexpr (!Visitable<T>) {
    schema.type = leaf_type<T>();
  }
}

template <class T>
Node to_node(const T& value);

class Describer {
 public:
  explicit Describer(Schema& group) : group_(&group) {}

  template <class T>
  void operator()(std::string_view name, T& field, const FieldInfo& info = {}) {
    Schema& schema = add(name, info);
    if constexpr (Visitable<T>) {
      Describer inner(schema);
      field.visit(inner);
    } else {
      set_type<T>(schema);
      schema.value = to_node(field);
    }
  }
  void refused(std::string_view name, std::string_view why);

 private:
  Schema& add(std::string_view name, const FieldInfo& info);
  Schema* group_;
};

template <class T>
Node to_node(const T& value) {
  if constexpr (std::same_as<T, bool>) {
    return built_in(value ? "true" : "false", false);
  } else if constexpr (std::integral<T>) {
    return built_in(fmt::format("{}", value), false);
  } else if constexpr (std::floating_point<T>) {
    return built_in(format_number(static_cast<double>(value)), false);
  } else if constexpr (std::same_as<T, std::string>) {
    return built_in(value, true);
  } else if constexpr (kIsOptional<T>) {
    return value ? to_node(*value) : Node::null("built-in default");
  } else if constexpr (kIsVector<T>) {
    Node list = Node::list("built-in default");
    for (size_t i = 0; i < value.size(); ++i) {
      // A copy, because vector<bool> has no elements to refer to.
      const typename T::value_type item = value[i];
      list.items.push_back(to_node(item));
    }
    return list;
  } else {
    static_assert(Visitable<T>, "a configuration field of a type that field.h does not list");
    Schema schema;
    Describer describer(schema);
    T copy = value;
    copy.visit(describer);
    return values(schema);
  }
}

}  // namespace detail

/// The schema of a struct with visit(), its values as defaults.
template <class T>
[[nodiscard]] Schema describe(T config = {}) {
  Schema schema;
  detail::Describer describer(schema);
  config.visit(describer);
  return schema;
}

template <class T>
[[nodiscard]] StageSchema schema_of(std::string name) {
  const Schema schema = describe<T>();
  return {std::move(name), keys(schema), refused_keys(schema)};
}

}  // namespace ff::config
