// SPDX-License-Identifier: MIT
#include "flops_fit/engine/engine.h"
#include "flops_fit/model/gpt.h"
#include "flops_fit/util/error.h"

namespace ff::engine {

std::string choose_engine(const std::string& asked, const EngineOptions& options) {
  const std::optional<std::string> problem = why_not_fused(options);
  if (asked == "fused" && problem) {
    throw error<ConfigError>("engine=fused cannot train here: {}.", *problem);
  }
  const bool fused = asked != "eager" && !problem;
  if (options.bf16_products && !fused) {
    throw error<ConfigError>(
        "hardware.dtype=bfloat16: only the fused engine has it{}.",
        asked == "eager" ? ", and engine=eager was asked for" : "; " + *problem);
  }
  return fused ? "fused" : "eager";
}

std::unique_ptr<Engine> make_engine(const std::string& name,
                                    const model::Parametrization& p,
                                    const EngineOptions& options,
                                    uint64_t seed) {
  if (name == "fused") {
    const torch::Tensor initial = model::initial_weights(p, seed);
    const float* weights = initial.data_ptr<float>();
    return make_fused_engine(p, options, {weights, weights + initial.numel()});
  }
  return make_eager_engine(p, options, seed);
}

}  // namespace ff::engine
