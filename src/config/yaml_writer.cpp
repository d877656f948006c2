// SPDX-License-Identifier: MIT
#include "flops_fit/config/node.h"
#include "flops_fit/config/scalar.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cctype>
#include <cmath>

namespace ff::config {
namespace {

bool looks_typed(const std::string& text) {
  const std::string word = lower(text);
  return word == "null" || word == "~" || parse_real(text) || parse_bool(text) ||
         // YAML 1.1 readers take these for booleans.
         word == "yes" || word == "no" || word == "on" || word == "off";
}

/// Whether the text survives as a plain scalar, in block and (stricter) in flow context.
bool plain_is_safe(const std::string& text, bool flow) {
  if (text.empty() || looks_typed(text)) {
    return false;
  }
  const auto word_char = [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '/' ||
           (!flow && (c == '$' || c == '{' || c == '}'));
  };
  const auto inner = [&](char c) { return word_char(c) || c == '-' || c == '+' || c == '@'; };
  // Digits first could be a date or a sexagesimal number to another reader.
  if (!word_char(text.front()) || text.front() == '{' || text.front() == '}' ||
      text.find("---") != std::string::npos || text.find("...") != std::string::npos) {
    return false;
  }
  if (std::isdigit(static_cast<unsigned char>(text.front())) != 0) {
    return false;
  }
  for (size_t i = 1; i < text.size(); ++i) {
    const bool inner_blank = text[i] == ' ' && i + 1 < text.size() && text[i + 1] != ' ';
    if (!inner(text[i]) && !inner_blank) {
      return false;
    }
  }
  return true;
}

std::string double_quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string escaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '{') {
      out += '\\';
    }
    out += text[i];
  }
  return out;
}

std::string key_text(const std::string& key) {
  return plain_is_safe(key, true) ? key : double_quoted(key);
}

std::string flow_text(const Node& node, const YamlStyle& style, bool inside) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kScalar: {
      if (!node.quoted && looks_typed(node.text)) {
        return node.text;
      }
      const std::string text = style.escape_interpolations ? escaped(node.text) : node.text;
      return plain_is_safe(text, inside) ? text : double_quoted(text);
    }
    case Node::Kind::kList:
    case Node::Kind::kMap:
      break;
  }
  const bool map = node.is_map();
  std::string out(1, map ? '{' : '[');
  for (size_t i = 0; i < node.items.size(); ++i) {
    out += i == 0 ? "" : ", ";
    if (map) {
      out += key_text(node.keys[i]) + ": ";
    }
    out += flow_text(node.items[i], style, true);
  }
  return out + (map ? '}' : ']');
}

void write_block(const Node& map, size_t indent, const YamlStyle& style, std::string& out) {
  for (size_t i = 0; i < map.keys.size(); ++i) {
    const Node& value = map.items[i];
    out += std::string(indent, ' ') + key_text(map.keys[i]) + ":";
    if (value.is_map() && !value.keys.empty()) {
      out += '\n';
      write_block(value, indent + 2, style, out);
    } else {
      out += ' ' + flow_text(value, style, false) + '\n';
    }
  }
}

}  // namespace

std::string yaml_value(const Node& node, const YamlStyle& style) {
  return flow_text(node, style, false);
}

std::string to_yaml(const Node& node, const YamlStyle& style) {
  if (!node.is_map()) {
    return yaml_value(node, style) + "\n";
  }
  std::string out;
  write_block(node, 0, style, out);
  return out;
}

nlohmann::ordered_json to_json(const Node& node) {
  using Json = nlohmann::ordered_json;
  switch (node.kind) {
    case Node::Kind::kNull:
      return nullptr;
    case Node::Kind::kScalar: {
      if (node.quoted) {
        return node.text;
      }
      if (const auto flag = parse_bool(node.text)) {
        return *flag;
      }
      if (is_int_literal(node.text)) {
        if (const auto whole = parse_int(node.text)) {
          return *whole;
        }
      }
      if (const auto real = parse_real(node.text)) {
        return std::isfinite(*real) ? Json(*real) : Json(nullptr);
      }
      return node.text;
    }
    case Node::Kind::kList: {
      Json out = Json::array();
      for (const Node& item : node.items) {
        out.push_back(to_json(item));
      }
      return out;
    }
    case Node::Kind::kMap: {
      Json out = Json::object();
      for (size_t i = 0; i < node.keys.size(); ++i) {
        out[node.keys[i]] = to_json(node.items[i]);
      }
      return out;
    }
  }
  return nullptr;
}

}  // namespace ff::config
