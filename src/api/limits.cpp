// SPDX-License-Identifier: MIT
#include "flops_fit/api/limits.h"

#include "flops_fit/api/fields.h"
#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <cmath>

namespace ff::api {
namespace {

std::vector<std::string> split(const std::string& text, std::string_view separator) {
  std::vector<std::string> parts;
  size_t from = 0;
  for (size_t at = text.find(separator); at != std::string::npos; at = text.find(separator, from)) {
    parts.push_back(text.substr(from, at - from));
    from = at + separator.size();
  }
  parts.push_back(text.substr(from));
  return parts;
}

bool within(const FieldLimit& limit, double value) {
  switch (limit.kind) {
    case FieldLimit::Kind::kRange:
      return value >= limit.numbers[0] && value <= limit.numbers[1];
    case FieldLimit::Kind::kOneOf:
      return std::find(limit.numbers.begin(), limit.numbers.end(), value) != limit.numbers.end();
    case FieldLimit::Kind::kMultiple:
      return std::fmod(value, limit.numbers[0]) == 0.0;
  }
  return false;
}

}  // namespace

FieldLimit parse_limit(const std::string& text) {
  FieldLimit limit;
  const size_t equals = text.find('=');
  bool good = equals != std::string::npos;
  if (good) {
    limit.field = text.substr(0, equals);
    std::string rule = text.substr(equals + 1);
    std::vector<std::string> numbers;
    if (rule.starts_with("*")) {
      limit.kind = FieldLimit::Kind::kMultiple;
      numbers = {rule.substr(1)};
    } else if (rule.find("..") != std::string::npos) {
      limit.kind = FieldLimit::Kind::kRange;
      numbers = split(rule, "..");
      good = numbers.size() == 2;
    } else {
      limit.kind = FieldLimit::Kind::kOneOf;
      numbers = split(rule, "|");
    }
    for (const std::string& number : numbers) {
      const auto value = config::parse_real(number);
      good = good && value && std::isfinite(*value);
      limit.numbers.push_back(value.value_or(0.0));
    }
    good = good && (limit.kind != FieldLimit::Kind::kMultiple || limit.numbers[0] > 0);
  }
  if (!good) {
    throw error<ConfigError>(
        "api.limits: \"{}\" is none of \"field=low..high\", \"field=a|b|c\" and \"field=*factor\".",
        text);
  }
  if (find_field(limit.field) == nullptr) {
    throw error<ConfigError>(
        "api.limits: \"{}\" is of an unknown field; known are {}.", text, field_names());
  }
  return limit;
}

void check_limits(const std::vector<std::string>& limits,
                  const io::Experiment& experiment,
                  std::string_view sweep) {
  for (const std::string& text : limits) {
    const FieldLimit limit = parse_limit(text);
    const io::Json value = find_field(limit.field)->of(experiment);
    if (!value.is_number() || !within(limit, value.get<double>())) {
      throw error<ConfigError>(
          "{}: experiment {} has {} = {}, which the service does not take (api.limits: {}); plan "
          "the sweep within its limits.",
          sweep,
          experiment.experiment_id,
          limit.field,
          as_text(value),
          text);
    }
  }
}

}  // namespace ff::api
