// SPDX-License-Identifier: MIT
#include "flops_fit/config/node.h"

#include "flops_fit/config/scalar.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace ff::config {
namespace {

/// The part of a dotted path before the first dot, and the rest.
std::pair<std::string_view, std::string_view> split_first(std::string_view path) {
  const auto dot = path.find('.');
  if (dot == std::string_view::npos) {
    return {path, {}};
  }
  return {path.substr(0, dot), path.substr(dot + 1)};
}

std::optional<size_t> list_index(std::string_view text) {
  size_t index = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (failure != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return index;
}

}  // namespace

Node Node::null(std::string origin) {
  Node node;
  node.origin = std::move(origin);
  return node;
}

Node Node::scalar(std::string text, bool quoted, std::string origin) {
  Node node = null(std::move(origin));
  node.kind = Kind::kScalar;
  node.text = std::move(text);
  node.quoted = quoted;
  return node;
}

Node Node::list(std::string origin) {
  Node node = null(std::move(origin));
  node.kind = Kind::kList;
  return node;
}

Node Node::map(std::string origin) {
  Node node = null(std::move(origin));
  node.kind = Kind::kMap;
  return node;
}

const Node* Node::find(std::string_view key) const {
  const auto found = std::find(keys.begin(), keys.end(), key);
  return found == keys.end() ? nullptr : &items[static_cast<size_t>(found - keys.begin())];
}

Node* Node::find(std::string_view key) {
  return const_cast<Node*>(static_cast<const Node*>(this)->find(key));
}

const Node* Node::find_path(std::string_view path) const {
  const Node* node = this;
  while (!path.empty() && node != nullptr) {
    const auto [name, rest] = split_first(path);
    if (node->is_list()) {
      const auto index = list_index(name);
      node = index && *index < node->items.size() ? &node->items[*index] : nullptr;
    } else {
      node = node->find(name);
    }
    path = rest;
  }
  return node;
}

Node* Node::find_path(std::string_view path) {
  return const_cast<Node*>(static_cast<const Node*>(this)->find_path(path));
}

Node& Node::set(std::string_view key, Node value) {
  if (Node* present = find(key)) {
    *present = std::move(value);
    return *present;
  }
  keys.emplace_back(key);
  return items.emplace_back(std::move(value));
}

Node& Node::set_path(std::string_view path, Node value) {
  const auto [name, rest] = split_first(path);
  if (is_list()) {
    if (const auto index = list_index(name); index && *index < items.size()) {
      return rest.empty() ? items[*index] = std::move(value)
                          : items[*index].set_path(rest, std::move(value));
    }
  }
  if (!is_map()) {
    *this = map(value.origin);
  }
  if (rest.empty()) {
    return set(name, std::move(value));
  }
  Node* child = find(name);
  if (child == nullptr) {
    child = &set(name, map(value.origin));
  }
  return child->set_path(rest, std::move(value));
}

bool Node::erase(std::string_view key) {
  const auto found = std::find(keys.begin(), keys.end(), key);
  if (found == keys.end()) {
    return false;
  }
  items.erase(items.begin() + (found - keys.begin()));
  keys.erase(found);
  return true;
}

bool same_value(const Node& a, const Node& b) {
  return a.kind == b.kind && a.text == b.text && a.quoted == b.quoted && a.keys == b.keys &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_value);
}

void merge(Node& base, Node over) {
  // An empty group ("compute:" with every key commented out) changes nothing.
  if (base.is_map() && over.is_null()) {
    return;
  }
  if (!base.is_map() || !over.is_map()) {
    base = std::move(over);
    return;
  }
  for (size_t i = 0; i < over.keys.size(); ++i) {
    if (Node* present = base.find(over.keys[i])) {
      merge(*present, std::move(over.items[i]));
    } else {
      base.set(over.keys[i], std::move(over.items[i]));
    }
  }
}

void set_origin(Node& node, const std::string& origin) {
  node.origin = origin;
  for (Node& item : node.items) {
    set_origin(item, origin);
  }
}

std::string show(const Node& node) {
  std::string text;
  if (node.is_scalar()) {
    const bool looks_typed = parse_real(node.text) || parse_bool(node.text);
    text = !node.quoted && looks_typed ? node.text : '"' + node.text + '"';
  } else if (node.is_map()) {
    text = node.keys.empty() ? "{}" : fmt::format("a group of keys ({}, ...)", node.keys.front());
  } else {
    text = yaml_value(node);
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.size() > 60) {
    text = text.substr(0, 57) + "...";
  }
  return text;
}

std::string join_key(std::string_view group, std::string_view name) {
  if (group.empty() || name.empty()) {
    return std::string(group.empty() ? name : group);
  }
  return fmt::format("{}.{}", group, name);
}

std::string display_path(const std::filesystem::path& path) {
  std::error_code failure;
  const auto absolute = std::filesystem::absolute(path, failure).lexically_normal();
  const auto relative = absolute.lexically_relative(std::filesystem::current_path(failure));
  const bool below = !relative.empty() && *relative.begin() != "..";
  return (below ? relative : absolute).string();
}

}  // namespace ff::config
