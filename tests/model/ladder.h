// SPDX-License-Identifier: MIT
#pragma once
// The checks that a broken rule must fail (umup.md 2.3), as functions of a table: each takes the
// table that the model is made from, after somebody may have broken a rule in it.
#include "model/golden.h"

#include "flops_fit/engine/adamw.h"

#include <functional>
#include <string>
#include <vector>

namespace ff::test {

/// A rule broken in the table, or behind the optimizer's back between steps.
struct Mutant {
  std::string name;
  Mutation table = kAsItIs;
  std::function<void(engine::AdamW&)> after_step = [](engine::AdamW&) {};
};

/// Empty if the check passes, else what was wrong first.
using Check = std::function<std::string(const Mutant&)>;
struct NamedCheck {
  std::string name;
  Check run;
};
[[nodiscard]] const std::vector<NamedCheck>& ladder();

/// G3: logits, loss and every gradient of a decoder file's cases.
[[nodiscard]] std::string check_decoder(const io::Json& cases,
                                        const Mutant& mutant,
                                        torch::Dtype dtype = torch::kFloat64);

/// u-muP's gradients over the true ones (umup.md 1.9), by tensor; `rows` = all positions, `scored`
/// = those with a target.
[[nodiscard]] double gradient_ratio(const model::TensorRule& rule,
                                    const model::Parametrization& p,
                                    const model::ParametrizationOptions& options,
                                    double rows,
                                    double scored);

}  // namespace ff::test
