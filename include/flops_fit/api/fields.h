// SPDX-License-Identifier: MIT
#pragma once
// What a request can say of an experiment: the names that stand in braces in the templates.
#include "flops_fit/io/json.h"
#include "flops_fit/io/sweep.h"

#include <span>
#include <string>
#include <string_view>

namespace ff::api {

struct Field {
  const char* name;
  const char* doc;
  /// A number or text; null where the experiment does not say it (abstract sizes have no shape).
  io::Json (*of)(const io::Experiment&);
};

/// {api_key} and {id} are none of them: they are not the experiment's.
[[nodiscard]] std::span<const Field> fields();
/// nullptr for a name that is none.
[[nodiscard]] const Field* find_field(std::string_view name);
/// "experiment_id, compute_budget, ...", for messages.
[[nodiscard]] std::string field_names();

/// A field's value inside text: whole numbers below 2^63 in digits (10000000000000, not 1e13),
/// others in the shortest form that reads back the same.
[[nodiscard]] std::string as_text(const io::Json& value);

}  // namespace ff::api
