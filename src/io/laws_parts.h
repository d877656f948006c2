// SPDX-License-Identifier: MIT
#pragma once
// What reading and writing scaling_laws.json is made of.
#include "flops_fit/io/laws.h"
#include "flops_fit/util/error.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <vector>

namespace ff::io {

inline constexpr const char* kLawsRemedy = "run ff-analyze first, or give paths.analysis";

[[nodiscard]] Json interval_json(const std::optional<Interval>& ci);
[[nodiscard]] std::optional<Interval> read_interval(const ObjectReader& object,
                                                    std::string_view key);

[[nodiscard]] Json to_json(const Prediction& prediction);
[[nodiscard]] Prediction read_prediction(const ObjectReader& object);

/// The elements of an array field (none where the field is absent), each read by `read`.
template <class Read>
auto read_list(const ObjectReader& object, std::string_view key, Read read) {
  std::vector<decltype(read(std::declval<const ObjectReader&>()))> list;
  if (!object.has(key)) {
    return list;
  }
  const Json& value = object.at(key);
  if (!value.is_array()) {
    throw error<FileError>("{}.{}: expected an array, found {}; {}.",
                           object.where(),
                           key,
                           value.type_name(),
                           kLawsRemedy);
  }
  for (size_t i = 0; i < value.size(); ++i) {
    list.push_back(read(ObjectReader(value[i], fmt::format("{}.{}[{}]", object.where(), key, i))));
  }
  return list;
}

}  // namespace ff::io
