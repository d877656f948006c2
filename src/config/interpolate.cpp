// SPDX-License-Identifier: MIT
#include "flops_fit/config/interpolate.h"

#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <set>

namespace ff::config {
namespace {

// What no configuration comes near: every ${a} copies a value that may hold copies itself.
constexpr size_t kMaxDepth = 100;               // of interpolations that wait for each other
constexpr size_t kMaxCopied = size_t{4} << 20;  // bytes, all of them together
constexpr size_t kNodeBytes = 200;

size_t bytes_of(const Node& node) {
  size_t bytes = kNodeBytes + node.text.size();
  for (const std::string& key : node.keys) {
    bytes += key.size();
  }
  for (const Node& item : node.items) {
    bytes += bytes_of(item);
  }
  return bytes;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  const auto last = text.find_last_not_of(" \t");
  return first == std::string_view::npos ? "" : std::string(text.substr(first, last - first + 1));
}

std::string parent_of(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

std::string local_time(const std::string& format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  std::array<char, 256> buffer{};
  return {buffer.data(), std::strftime(buffer.data(), buffer.size(), format.c_str(), &parts)};
}

class Resolver {
 public:
  explicit Resolver(Node& root) : root_(&root) {}

  void resolve_all() { resolve_node(*root_, ""); }

 private:
  void resolve_node(Node& node, const std::string& path) {
    if (node.is_scalar()) {
      resolve_scalar(node, path);
      return;
    }
    for (size_t i = 0; i < node.items.size(); ++i) {
      resolve_node(node.items[i], join_key(path, node.is_map() ? node.keys[i] : std::to_string(i)));
    }
  }

  void resolve_scalar(Node& node, const std::string& path) {
    if (node.text.find("${") == std::string::npos || done_.count(path) > 0) {
      return;
    }
    if (std::find(active_.begin(), active_.end(), path) != active_.end()) {
      throw error<ConfigError>("{}: the interpolation runs in a circle: {} -> {}.",
                               node.origin,
                               fmt::join(active_, " -> "),
                               path);
    }
    if (active_.size() == kMaxDepth) {
      throw error<ConfigError>(
          "{}: more than {} interpolations refer to one another.", node.origin, kMaxDepth);
    }
    active_.push_back(path);
    Node value = expand(node, path, 0);
    value.origin = node.origin;
    node = std::move(value);
    active_.pop_back();
    done_.insert(path);
  }

  /// The value of a scalar that holds at least one "${".
  Node expand(const Node& node, const std::string& path, size_t depth) {
    if (depth > kMaxDepth) {
      throw error<ConfigError>("{}: interpolations are nested too deeply.", node.origin);
    }
    const std::string& text = node.text;
    std::string out;
    size_t at = 0;
    while (at < text.size()) {
      if (text.compare(at, 3, "\\${") == 0) {
        out += "${";
        at += 3;
      } else if (text.compare(at, 2, "${") == 0) {
        const size_t end = closing_brace(node, at);
        Node value = evaluate(node, text.substr(at + 2, end - at - 2), path, depth);
        if (at == 0 && end + 1 == text.size()) {
          return value;
        }
        if (!value.is_scalar()) {
          throw error<ConfigError>("{}: {} stands inside text, but its value is {}.",
                                   node.origin,
                                   text.substr(at, end - at + 1),
                                   show(value));
        }
        out += value.text;
        at = end + 1;
      } else {
        out += text[at++];
      }
    }
    // Text that was put together is text: "${a}5" is not a number, unless it reads as one.
    return Node::scalar(std::move(out), node.quoted);
  }

  static size_t closing_brace(const Node& node, size_t start) {
    int open = 0;
    for (size_t i = start; i < node.text.size(); ++i) {
      open += node.text[i] == '{' ? 1 : node.text[i] == '}' ? -1 : 0;
      if (node.text[i] == '}' && open == 0) {
        return i;
      }
    }
    throw error<ConfigError>("{}: the interpolation {} is never closed.", node.origin, show(node));
  }

  Node evaluate(const Node& holder, std::string inner, const std::string& path, size_t depth) {
    if (inner.find("${") != std::string::npos) {
      const Node nested = expand(Node::scalar(inner, true, holder.origin), path, depth + 1);
      if (!nested.is_scalar()) {
        throw error<ConfigError>(
            "{}: {} cannot be part of an interpolation.", holder.origin, show(nested));
      }
      inner = nested.text;
    }
    inner = trimmed(inner);
    const auto colon = inner.find(':');
    if (colon == std::string::npos) {
      return key_value(holder, inner, path);
    }
    const std::string resolver = inner.substr(0, colon);
    const std::string argument = inner.substr(colon + 1);
    if (resolver == "oc.env" || resolver == "env") {
      return environment_value(holder, argument);
    }
    if (resolver == "now") {
      return Node::scalar(local_time(argument), true);
    }
    throw error<ConfigError>(
        "{}: unknown resolver in ${{{}}}; there are oc.env and now.", holder.origin, inner);
  }

  Node key_value(const Node& holder, const std::string& reference, const std::string& path) {
    std::string target = reference;
    if (!reference.empty() && reference.front() == '.') {
      std::string base = path;
      size_t dots = 0;
      for (; dots < reference.size() && reference[dots] == '.'; ++dots) {
        base = parent_of(base);
      }
      target = join_key(base, reference.substr(dots));
    }
    Node* found = target.empty() ? nullptr : root_->find_path(target);
    if (found == nullptr) {
      throw error<ConfigError>(
          "{}: the interpolation ${{{}}} names the key {}, which does not exist.",
          holder.origin,
          reference,
          target);
    }
    resolve_node(*found, target);
    copied_ += bytes_of(*found);
    if (copied_ > kMaxCopied) {
      throw error<ConfigError>(
          "{}: the interpolations make more than {} bytes.", holder.origin, kMaxCopied);
    }
    return *found;
  }

  static Node environment_value(const Node& holder, const std::string& argument) {
    const auto comma = argument.find(',');
    const std::string name = trimmed(argument.substr(0, comma));
    if (const char* value = std::getenv(name.c_str())) {
      return Node::scalar(value, false);
    }
    if (comma == std::string::npos) {
      throw error<ConfigError>(
          "{}: the environment variable {} is not set. Set it, or give a default: "
          "${{oc.env:{},default}}.",
          holder.origin,
          name,
          name);
    }
    std::string fallback = trimmed(argument.substr(comma + 1));
    const bool quoted = fallback.size() >= 2 && fallback.front() == fallback.back() &&
                        (fallback.front() == '\'' || fallback.front() == '"');
    if (quoted) {
      fallback = fallback.substr(1, fallback.size() - 2);
    }
    return !quoted && lower(fallback) == "null" ? Node::null()
                                                : Node::scalar(std::move(fallback), quoted);
  }

  Node* root_;
  std::vector<std::string> active_;  ///< paths under resolution, outermost first
  size_t copied_ = 0;                ///< bytes, by interpolations
  std::set<std::string> done_;       ///< resolved text may hold a literal "${"
};

}  // namespace

void resolve(Node& root) {
  Resolver(root).resolve_all();
}

}  // namespace ff::config
