// SPDX-License-Identifier: MIT
#include "flops_fit/api/fields.h"

#include <array>
#include <cmath>
#include <cstdint>

namespace ff::api {
namespace {

using io::Experiment;
using io::Json;

/// A whole number stays one in JSON and in text; services compare budgets exactly.
Json real(double value) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  if (value == std::trunc(value) && std::abs(value) < kTwoTo63) {
    return static_cast<int64_t>(value);
  }
  return io::number_or_null(value);
}

template <int64_t cost::Architecture::*member>
Json of_shape(const Experiment& e) {
  return e.architecture ? Json((*e.architecture).*member) : Json();
}

/// A count that a plan of abstract sizes leaves at 0.
Json planned(int64_t count) {
  return count > 0 ? Json(count) : Json();
}

using cost::Architecture;

constexpr std::array kFields = {
    Field{"experiment_id",
          "its name in sweep.json",
          [](const Experiment& e) { return Json(e.experiment_id); }},
    Field{"compute_budget",
          "the budget C that it belongs to [FLOP]",
          [](const Experiment& e) { return real(e.compute_budget); }},
    Field{"planned_flops",
          "what it takes as planned [FLOP]",
          [](const Experiment& e) { return real(e.planned_flops); }},
    Field{"model_size", "N [parameters]", [](const Experiment& e) { return Json(e.model_size); }},
    Field{"num_tokens", "D [tokens]", [](const Experiment& e) { return Json(e.num_tokens); }},
    Field{"tokens_per_param", "D/N", [](const Experiment& e) { return real(e.tokens_per_param); }},
    Field{"d_model", "width [features]", &of_shape<&Architecture::d_model>},
    Field{"num_layers", "blocks", &of_shape<&Architecture::num_layers>},
    Field{"num_heads", "attention heads", &of_shape<&Architecture::num_heads>},
    Field{"head_dim",
          "features per head",
          [](const Experiment& e) {
            return e.architecture ? Json(e.architecture->head_size()) : Json();
          }},
    Field{"d_ff", "width of the MLP [features]", &of_shape<&Architecture::d_ff>},
    Field{"vocab_size", "vocabulary [tokens]", &of_shape<&Architecture::vocab_size>},
    Field{"seq_len", "tokens per row", &of_shape<&Architecture::seq_len>},
    Field{"batch_size",
          "batch [sequences]",
          [](const Experiment& e) { return planned(e.batch_size); }},
    Field{"batch_tokens",
          "batch [tokens]",
          [](const Experiment& e) {
            return e.architecture ? planned(e.batch_size * e.architecture->seq_len) : Json();
          }},
    Field{"num_steps", "optimizer steps", [](const Experiment& e) { return planned(e.num_steps); }},
    Field{"warmup_steps",
          "of these, warming up",
          [](const Experiment& e) { return e.num_steps > 0 ? Json(e.warmup_steps) : Json(); }},
    Field{"warmup_fraction",
          "warmup_steps / num_steps",
          [](const Experiment& e) {
            return e.num_steps > 0 ? real(static_cast<double>(e.warmup_steps) /
                                          static_cast<double>(e.num_steps))
                                   : Json();
          }},
    Field{"learning_rate",
          "peak learning rate",
          [](const Experiment& e) { return e.learning_rate > 0 ? real(e.learning_rate) : Json(); }},
    Field{"seed",
          "of initialisation and data order",
          [](const Experiment& e) { return Json(e.seed); }},
};

}  // namespace

std::span<const Field> fields() {
  return kFields;
}

const Field* find_field(std::string_view name) {
  for (const Field& field : kFields) {
    if (name == field.name) {
      return &field;
    }
  }
  return nullptr;
}

std::string field_names() {
  std::string names;
  for (const Field& field : kFields) {
    names += (names.empty() ? "" : ", ") + std::string(field.name);
  }
  return names;
}

std::string as_text(const io::Json& value) {
  return value.is_string() ? value.get<std::string>() : io::json_text(value);
}

}  // namespace ff::api
