// SPDX-License-Identifier: MIT
#include "families.h"

#include <algorithm>

namespace ff::cost {

Fields Fields::object(std::string_view key) const {
  const io::ObjectReader inner = reader_.object(key);
  return {reader_.at(key), inner.where()};
}

int64_t Fields::count(std::string_view key, int64_t most) const {
  const int64_t value = reader_.integer(key);
  if (value < 1 || value > most) {
    throw error<FileError>(
        "{}: {}: expected a whole number from 1 to {}, found {}.", where(), key, most, value);
  }
  return value;
}

int64_t Fields::count_or(std::string_view key, int64_t most, int64_t fallback) const {
  return has(key) ? count(key, most) : fallback;
}

bool Fields::flag_or(std::string_view key, bool fallback) const {
  if (!has(key)) {
    return fallback;
  }
  const io::Json& value = reader_.at(key);
  if (!value.is_boolean()) {
    throw error<FileError>(
        "{}: {}: expected true or false, found {}.", where(), key, io::json_text(value));
  }
  return value.get<bool>();
}

void Fields::must_be_false(std::string_view key) const {
  if (flag_or(key, false)) {
    throw error<FileError>(
        "{}: {} is true, and biases of this model_type are not modelled.", where(), key);
  }
}

void Fields::must_be(std::string_view key, std::initializer_list<std::string_view> allowed) const {
  const std::string value = text(key);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    throw error<FileError>("{}: {}: \"{}\" is not modelled; expected {}.",
                           where(),
                           key,
                           value,
                           fmt::join(allowed, " or "));
  }
}

/// The dtype of the weights, where one of the objects names it; empty otherwise.
std::string dtype_of(std::initializer_list<const Fields*> places) {
  for (const Fields* fields : places) {
    for (const char* key : {"torch_dtype", "dtype"}) {
      if (!fields->has(key)) {
        continue;
      }
      const std::string name = fields->text(key);
      if (dtype_bits(name) == 0) {
        throw error<FileError>("{}: {}: \"{}\" is no known type; there are: {}.",
                               fields->where(),
                               key,
                               name,
                               dtype_names());
      }
      return name;
    }
  }
  return "";
}

}  // namespace ff::cost
