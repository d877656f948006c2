// SPDX-License-Identifier: MIT
#pragma once
// The one rule for the ids of experiments. An id names a folder under runs/, and stands in log
// lines, reports and requests, so it is 1 to 128 letters, digits and - _ . + = , @ (ASCII), the
// first a letter, a digit or _. Names in anyone's tables of runs (CSV, JSONL) need not keep to it:
// they are for display alone, and never part of a path.
#include "flops_fit/io/json.h"

#include <string>
#include <string_view>

namespace ff::io {

[[nodiscard]] bool is_experiment_id(std::string_view id);

/// The field experiment_id. Throws FileError, showing the id escaped, for one against the rule.
[[nodiscard]] std::string experiment_id_from(const ObjectReader& object);

}  // namespace ff::io
