// SPDX-License-Identifier: MIT
#include "flops_fit/io/experiment_id.h"

#include "flops_fit/util/error.h"

#include <algorithm>

namespace ff::io {
namespace {

constexpr size_t kMaxLength = 128;  // with a hash behind it still a file name

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_experiment_id(std::string_view id) {
  constexpr std::string_view kOthers = "-_.+=,@";
  return !id.empty() && id.size() <= kMaxLength &&
         (is_letter_or_digit(id.front()) || id.front() == '_') &&
         std::all_of(id.begin(), id.end(), [&](char c) {
           return is_letter_or_digit(c) || kOthers.find(c) != std::string_view::npos;
         });
}

std::string experiment_id_from(const ObjectReader& object) {
  std::string id = object.text("experiment_id");
  if (!is_experiment_id(id)) {
    throw error<FileError>(
        "{}.experiment_id: an id is 1 to {} letters, digits and - _ . + = , @ (ASCII), the first a "
        "letter, a digit or _, as it names a folder; found {}. Rename the experiment.",
        object.where(),
        kMaxLength,
        shown(id));
  }
  return id;
}

}  // namespace ff::io
