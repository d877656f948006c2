// SPDX-License-Identifier: MIT
#pragma once
// Fills a struct with visit() from a value tree. All errors are ConfigError of one line: where the
// value was written, its full key, the rule, and what was found.
//   conf/planner.yaml:12: compute.num_budgets: expected a whole number from 1 up, found "abc".
//   conf/planner.yaml:4: unknown key compute.min_flop. Did you mean compute.min_flops?
//   override 'batch=3': batch is not used here: set schedule.batch_size instead.
#include "flops_fit/config/schema.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <limits>

namespace ff::config {

namespace detail {

struct UnknownKey {
  std::string key;
  std::string origin;
};

/// Scalars; `key` is for the message.
[[nodiscard]] bool to_bool(const Node& node, const std::string& key);
[[nodiscard]] double to_real(const Node& node, const std::string& key, const FieldInfo& info);
[[nodiscard]] std::string to_text(const Node& node, const std::string& key, const FieldInfo& info);
/// `low` and `high` are the limits of the field's C++ type.
[[nodiscard]] int64_t to_int(
    const Node& node, const std::string& key, const FieldInfo& info, int64_t low, int64_t high);
[[noreturn]] void refuse(const Node& node,
                         const std::string& key,
                         const std::string& expected,
                         const std::string& advice = "");
[[noreturn]] void refuse_key(const Node& node, const std::string& key, std::string_view why);
[[noreturn]] void report_unknown(const UnknownKey& unknown, std::span<const std::string> known);

class Loader {
 public:
  Loader(const Node& map, std::string prefix, std::vector<UnknownKey>& unknown)
      : map_(&map), prefix_(std::move(prefix)), unknown_(&unknown) {}

  template <class T>
  void operator()(std::string_view name, T& field, const FieldInfo& info = {}) {
    seen_.emplace_back(name);
    if (const Node* value = map_->find(name)) {
      convert(*value, field, info, join_key(prefix_, name));
    }
  }

  void refused(std::string_view name, std::string_view why) {
    if (const Node* value = map_->find_path(name)) {
      refuse_key(*value, join_key(prefix_, name), why);
    }
  }

  /// To be called after visit(): what was not asked for is unknown.
  void finish() const {
    for (size_t i = 0; i < map_->keys.size(); ++i) {
      if (std::find(seen_.begin(), seen_.end(), map_->keys[i]) == seen_.end()) {
        unknown_->push_back({join_key(prefix_, map_->keys[i]), map_->items[i].origin});
      }
    }
  }

 private:
  template <class T>
  void convert(const Node& node, T& field, const FieldInfo& info, const std::string& key) {
    if constexpr (Visitable<T>) {
      if (node.is_null()) {
        return;  // an empty group changes nothing
      }
      if (!node.is_map()) {
        refuse(node, key, "a group of keys");
      }
      Loader inner(node, key, *unknown_);
      field.visit(inner);
      inner.finish();
    } else if constexpr (kIsOptional<T>) {
      if (node.is_null()) {
        field.reset();
        return;
      }
      typename T::value_type value{};
      convert(node, value, info, key);
      field = std::move(value);
    } else if constexpr (kIsVector<T>) {
      T list;
      if (node.is_scalar()) {
        // One value stands for a list of one: the Python tool's `target_compute: 1e15`.
        typename T::value_type value{};
        convert(node, value, info, key);
        field = {std::move(value)};
        return;
      }
      if (!node.is_list()) {
        refuse(node, key, "a list");
      }
      for (size_t i = 0; i < node.items.size(); ++i) {
        typename T::value_type value{};
        convert(node.items[i], value, info, fmt::format("{}[{}]", key, i));
        list.push_back(std::move(value));
      }
      field = std::move(list);
    } else if constexpr (std::same_as<T, bool>) {
      field = to_bool(node, key);
    } else if constexpr (std::integral<T>) {
      using Limits = std::numeric_limits<T>;
      constexpr int64_t kLow = std::is_signed_v<T> ? static_cast<int64_t>(Limits::min()) : 0;
      constexpr int64_t kHigh = sizeof(T) < sizeof(int64_t) ? static_cast<int64_t>(Limits::max())
                                                            : std::numeric_limits<int64_t>::max();
      field = static_cast<T>(to_int(node, key, info, kLow, kHigh));
    } else if constexpr (std::floating_point<T>) {
      field = static_cast<T>(to_real(node, key, info));
    } else {
      static_assert(std::same_as<T, std::string>, "a field of a type that field.h does not list");
      field = to_text(node, key, info);
    }
  }

  const Node* map_;
  std::string prefix_;
  std::vector<UnknownKey>* unknown_;
  std::vector<std::string> seen_;
};

}  // namespace detail

/// Keys that the tree lacks keep the value they have in `config`. The tree must be resolved.
template <class T>
[[nodiscard]] T load(const Node& tree, T config = {}) {
  std::vector<detail::UnknownKey> unknown;
  detail::Loader loader(tree, "", unknown);
  config.visit(loader);
  loader.finish();
  if (!unknown.empty()) {
    detail::report_unknown(unknown.front(), keys(describe<T>()));
  }
  return config;
}

}  // namespace ff::config
