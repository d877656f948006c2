// SPDX-License-Identifier: MIT
#include "flops_fit/api/template.h"

#include "flops_fit/api/fields.h"
#include "flops_fit/util/error.h"

namespace ff::api {
namespace {

/// Text and names in turn.
struct Piece {
  bool is_name = false;
  std::string text;
};

std::vector<Piece> pieces_of(std::string_view text, std::string_view key) {
  std::vector<Piece> pieces;
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && i + 1 < text.size() && text[i + 1] == c) {
      plain += c;
      ++i;
    } else if (c == '{') {
      const size_t end = text.find_first_of("{}", i + 1);
      if (end == std::string_view::npos || text[end] != '}') {
        throw error<ConfigError>(
            "{}: \"{}\" has an opening brace without its closing one; write {{{{ for the brace "
            "itself.",
            key,
            text);
      }
      pieces.push_back({.is_name = false, .text = std::move(plain)});
      pieces.push_back({.is_name = true, .text = std::string(text.substr(i + 1, end - i - 1))});
      plain.clear();
      i = end;
    } else if (c == '}') {
      throw error<ConfigError>(
          "{}: \"{}\" has a closing brace without its opening one; write }}}} for the brace "
          "itself.",
          key,
          text);
    } else {
      plain += c;
    }
  }
  pieces.push_back({.is_name = false, .text = std::move(plain)});
  return pieces;
}

}  // namespace

std::vector<std::string> placeholders(std::string_view text, std::string_view key) {
  std::vector<std::string> names;
  for (Piece& piece : pieces_of(text, key)) {
    if (piece.is_name) {
      names.push_back(std::move(piece.text));
    }
  }
  return names;
}

std::string expand(std::string_view text,
                   const std::function<std::string(const std::string&)>& value_of) {
  std::string out;
  for (const Piece& piece : pieces_of(text, "api")) {
    out += piece.is_name ? value_of(piece.text) : piece.text;
  }
  return out;
}

io::Json expand_json(const io::Json& body, const io::Experiment& experiment) {
  if (body.is_structured()) {
    io::Json out = body;
    for (auto& item : out) {
      item = expand_json(item, experiment);
    }
    return out;
  }
  if (!body.is_string()) {
    return body;
  }
  const auto value_of = [&](const std::string& name) { return find_field(name)->of(experiment); };
  const std::string text = body.get<std::string>();
  const std::vector<Piece> pieces = pieces_of(text, "api.submit.body");
  if (pieces.size() == 3 && pieces[0].text.empty() && pieces[2].text.empty()) {
    return value_of(pieces[1].text);
  }
  return expand(text, [&](const std::string& name) { return as_text(value_of(name)); });
}

std::vector<std::string> string_leaves(const io::Json& body) {
  std::vector<std::string> leaves;
  if (body.is_string()) {
    leaves.push_back(body.get<std::string>());
  } else if (body.is_structured()) {
    for (const auto& item : body) {
      for (std::string& leaf : string_leaves(item)) {
        leaves.push_back(std::move(leaf));
      }
    }
  }
  return leaves;
}

}  // namespace ff::api
