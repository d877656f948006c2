// SPDX-License-Identifier: MIT
#pragma once
// api.limits: what the service accepts, so that a plan beyond it is refused before anything is
// sent.
//   d_model=64..1024      a range, ends included      batch_size=128|256    one of these
//   num_tokens=*65536     a multiple of this
#include "flops_fit/io/sweep.h"

#include <string>
#include <string_view>
#include <vector>

namespace ff::api {

struct FieldLimit {
  enum class Kind { kRange, kOneOf, kMultiple };
  std::string field;
  Kind kind = Kind::kRange;
  std::vector<double> numbers;  ///< low and high; the choices; the factor
};

/// Throws ConfigError for what is none of the three forms, or an unknown field.
[[nodiscard]] FieldLimit parse_limit(const std::string& text);

/// Throws ConfigError, with `sweep` as the plan's name, for an experiment outside one of the
/// limits.
void check_limits(const std::vector<std::string>& limits,
                  const io::Experiment& experiment,
                  std::string_view sweep);

}  // namespace ff::api
