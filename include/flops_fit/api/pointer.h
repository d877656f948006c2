// SPDX-License-Identifier: MIT
#pragma once
// JSON pointers (RFC 6901) into answers, with one addition: -1 is the last element of an array.
#include "flops_fit/io/json.h"

#include <string>
#include <string_view>

namespace ff::api {

/// Throws ConfigError, naming the configuration key `key`, unless it is empty or starts with "/"
/// and every ~ is followed by 0 or 1.
void check_pointer(std::string_view pointer, std::string_view key);

/// The value there; nullptr if there is none. The empty pointer is the whole document.
[[nodiscard]] const io::Json* find_at(const io::Json& document, std::string_view pointer);

/// True if every value of `part` stands in `whole` under the same key; numbers count by value.
[[nodiscard]] bool holds(const io::Json& whole, const io::Json& part);

/// As holds(), for `whole` or any object inside it.
[[nodiscard]] bool holds_somewhere(const io::Json& whole, const io::Json& part);

}  // namespace ff::api
