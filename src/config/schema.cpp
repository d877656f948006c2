// SPDX-License-Identifier: MIT
#include "flops_fit/config/schema.h"

#include <algorithm>
#include <numeric>

namespace ff::config {
namespace {

template <class Visit>
void for_each_leaf(const Schema& group, const std::string& prefix, const Visit& visit) {
  for (const Schema& child : group.children) {
    const std::string key = join_key(prefix, child.name);
    if (child.is_group() && !child.is_refused()) {
      for_each_leaf(child, key, visit);
    } else {
      visit(key, child);
    }
  }
}

std::string_view last_component(std::string_view key) {
  const auto dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

/// Edits (insert, delete, replace, swap two neighbours) from one text to the other, or more than
/// `enough` if there are more.
size_t edit_distance(std::string_view a, std::string_view b, size_t enough) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > enough) {
    return enough + 1;  // a key of a megabyte is like none
  }
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> previous(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  std::iota(previous.begin(), previous.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, previous[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(previous);
    previous.swap(row);
  }
  return previous[b.size()];
}

bool is_or_lies_below(std::string_view key, std::string_view group) {
  return key == group || (key.size() > group.size() && key.substr(0, group.size()) == group &&
                          key[group.size()] == '.');
}

}  // namespace

const Schema* Schema::find(std::string_view path) const {
  for (const Schema& child : children) {
    if (child.name == path) {
      return &child;
    }
    if (path.size() > child.name.size() && is_or_lies_below(path, child.name)) {
      return child.find(path.substr(child.name.size() + 1));
    }
  }
  return nullptr;
}

const Schema* Schema::find_refused(std::string_view path) const {
  for (const Schema& child : children) {
    if (!is_or_lies_below(path, child.name)) {
      continue;
    }
    if (child.is_refused()) {
      return &child;
    }
    if (path.size() > child.name.size()) {
      if (const Schema* found = child.find_refused(path.substr(child.name.size() + 1))) {
        return found;
      }
    }
  }
  return nullptr;
}

std::vector<std::string> keys(const Schema& schema) {
  std::vector<std::string> out;
  for_each_leaf(schema, "", [&](const std::string& key, const Schema& leaf) {
    if (!leaf.is_refused()) {
      out.push_back(key);
    }
  });
  return out;
}

std::vector<std::string> refused_keys(const Schema& schema) {
  std::vector<std::string> out;
  for_each_leaf(schema, "", [&](const std::string& key, const Schema& leaf) {
    if (leaf.is_refused()) {
      out.push_back(key);
    }
  });
  return out;
}

Node values(const Schema& schema, bool identity_only) {
  Node out = Node::map("built-in default");
  for (const Schema& child : schema.children) {
    if (child.is_refused() || (identity_only && !child.identity)) {
      continue;
    }
    out.set(child.name, child.is_group() ? values(child, identity_only) : child.value);
  }
  return out;
}

std::optional<std::string> nearest_key(std::string_view key, std::span<const std::string> known) {
  const std::string_view last = last_component(key);
  std::optional<std::string> best;
  size_t best_cost = std::string::npos;
  for (const std::string& candidate : known) {
    const std::string_view candidate_last = last_component(candidate);
    // A third of the letters may be wrong; shorter words must match better.
    const size_t full_limit = std::max<size_t>(1, std::min(key.size(), candidate.size()) / 3);
    const size_t tail_limit = std::min(last.size(), candidate_last.size()) / 3;
    const size_t full = edit_distance(key, candidate, full_limit);
    const size_t tail = edit_distance(last, candidate_last, tail_limit);
    size_t cost = std::string::npos;
    if (full <= full_limit) {
      cost = 2 * full;
    }
    if (tail <= tail_limit) {
      // The odd number prefers a full match with as many edits.
      cost = std::min(cost, 2 * tail + 1);
    }
    if (cost < best_cost) {
      best_cost = cost;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view key, std::span<const std::string> known) {
  const auto near = nearest_key(key, known);
  return near ? fmt::format(" Did you mean {}?", *near) : " --help lists all keys.";
}

bool StageSchema::knows(std::string_view key) const {
  return std::any_of(keys.begin(), keys.end(), [&](const std::string& known) {
    return is_or_lies_below(key, known) || is_or_lies_below(known, key);
  });
}

bool StageSchema::refuses(std::string_view key) const {
  return std::any_of(refused.begin(), refused.end(), [&](const std::string& known) {
    return is_or_lies_below(key, known);
  });
}

namespace detail {

Node built_in(std::string text, bool quoted) {
  return Node::scalar(std::move(text), quoted, "built-in default");
}

Schema& Describer::add(std::string_view name, const FieldInfo& info) {
  Schema& schema = group_->children.emplace_back();
  schema.name = name;
  schema.doc = info.doc;
  schema.unit = info.unit;
  schema.min = info.min;
  schema.max = info.max;
  schema.choices = info.choices;
  schema.identity = info.identity;
  return schema;
}

void Describer::refused(std::string_view name, std::string_view why) {
  add(name, {}).refusal = why;
}

}  // namespace detail

}  // namespace ff::config
