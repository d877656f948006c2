// SPDX-License-Identifier: MIT
#pragma once
// Text with {names} in it; {{ and }} are literal braces.
#include "flops_fit/io/json.h"
#include "flops_fit/io/sweep.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ff::api {

/// The names in braces, in order. Throws ConfigError, naming the configuration key `key`, for a
/// brace without its partner.
[[nodiscard]] std::vector<std::string> placeholders(std::string_view text, std::string_view key);

/// `text` with each {name} replaced by what `value_of` says.
[[nodiscard]] std::string expand(std::string_view text,
                                 const std::function<std::string(const std::string&)>& value_of);

/// A JSON template over an experiment: a string that is just "{field}" becomes the field's value
/// with its type, inside longer strings it becomes text. Keys stay as they are.
[[nodiscard]] io::Json expand_json(const io::Json& body, const io::Experiment& experiment);

/// The strings of a JSON template that may hold placeholders.
[[nodiscard]] std::vector<std::string> string_leaves(const io::Json& body);

}  // namespace ff::api
