// SPDX-License-Identifier: MIT
// The fused engine: a training step without autograd, in float32 on one core.
#include "kernels.h"
#include "network.h"

#include "flops_fit/engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ff::engine {
namespace {

class FusedEngine final : public Engine {
 public:
  FusedEngine(const model::Parametrization& p,
              const EngineOptions& options,
              std::vector<float> weights)
      : options_(options.optimizer),
        parametrization_(p),
        network_(p, options, p.architecture.seq_len),
        weights_(std::move(weights)) {
    grads_.resize(weights_.size());
    first_moment_.resize(weights_.size());
    second_moment_.resize(weights_.size());
  }

  /// micro_batches is not needed: a batch is always taken a few rows at a time, with the gradient
  /// scales of the whole.
  StepReport train_step(const Batch& batch, const StepOptions& options) override {
    const int64_t targets = batch.rows * batch.seq_len;
    losses_.resize(static_cast<size_t>(targets));
    std::fill(grads_.begin(), grads_.end(), 0.0F);
    network_.pack(weights_.data(), true);
    for_each_block(batch, [&](std::span<const int32_t> tokens, int64_t rows, float* losses) {
      network_.train(weights_.data(), tokens, rows, targets, losses, grads_.data());
    });
    double loss = 0.0;
    for (const float target_loss : losses_) {
      loss += static_cast<double>(target_loss);
    }
    return {.loss_nats = loss / static_cast<double>(targets), .grad_rms = update(options)};
  }

  std::vector<float> target_losses(const Batch& batch) override {
    losses_.resize(static_cast<size_t>(batch.rows * batch.seq_len));
    network_.pack(weights_.data(), false);
    for_each_block(batch, [&](std::span<const int32_t> tokens, int64_t rows, float* losses) {
      network_.forward(weights_.data(), tokens, rows, losses);
    });
    return losses_;
  }

  EngineState state() const override { return {weights_, first_moment_, second_moment_, steps_}; }

  void set_state(const EngineState& state) override {
    weights_ = state.weights;
    first_moment_ = state.first_moment;
    second_moment_ = state.second_moment;
    steps_ = state.steps;
  }

 private:
  template <class Body>
  void for_each_block(const Batch& batch, Body&& body) {
    const int64_t step = network_.rows_per_block();
    for (int64_t first = 0; first < batch.rows; first += step) {
      const int64_t rows = std::min(step, batch.rows - first);
      const auto row_tokens = batch.seq_len + 1;
      body(batch.tokens.subspan(static_cast<size_t>(first * row_tokens),
                                static_cast<size_t>(rows * row_tokens)),
           rows,
           losses_.data() + first * batch.seq_len);
    }
  }

  /// AdamW, tensor by tensor; returns the gradients' root mean square.
  double update(const StepOptions& options) {
    const auto count = static_cast<int64_t>(weights_.size());
    const double rms =
        std::sqrt(fused::sum_of_squares(count, grads_.data()) / static_cast<double>(count));
    const bool clip = options_.max_grad_rms > 0 && rms > options_.max_grad_rms;
    const double decay = options.schedule_factor * parametrization_.decay_per_step(
                                                       options.weight_decay, options.learning_rate);
    ++steps_;
    const auto t = static_cast<double>(steps_);
    for (const fused::Slot& slot : network_.slots()) {
      const fused::AdamStep step{
          .beta1 = static_cast<float>(options_.beta1),
          .beta2 = static_cast<float>(options_.beta2),
          .eps = static_cast<float>(options_.eps),
          .correction1 = static_cast<float>(1.0 - std::pow(options_.beta1, t)),
          .correction2 = static_cast<float>(1.0 - std::pow(options_.beta2, t)),
          .learning_rate =
              static_cast<float>(options.learning_rate * options.schedule_factor * slot.rule->lr),
          .decay = static_cast<float>(decay * slot.rule->weight_decay),
          .grad_scale = clip ? static_cast<float>(options_.max_grad_rms / rms) : 1.0F};
      const int64_t at = slot.offset;
      fused::adamw(step,
                   slot.rule->numel(),
                   grads_.data() + at,
                   first_moment_.data() + at,
                   second_moment_.data() + at,
                   weights_.data() + at);
    }
    return rms;
  }

  OptimizerOptions options_;
  model::Parametrization parametrization_;
  fused::Network network_;
  std::vector<float> weights_, grads_, first_moment_, second_moment_;
  std::vector<float> losses_;
  int64_t steps_ = 0;
};

}  // namespace

std::optional<std::string> why_not_fused(const model::Parametrization& p,
                                         const EngineOptions& options) {
  if (options.device != "cpu") {
    return "it runs on the CPU only";
  }
  if (p.has_gains()) {
    return "it has no norm gains (" + p.name + " has them; model.norm_gain=false leaves them out)";
  }
  for (const model::ResidualScale& residual : p.residuals) {
    if (residual.grad_at_add != 1.0) {
      return "it scales a branch's gradient at the split only";
    }
  }
  for (const model::TensorRule& rule : p.tensors) {
    if (rule.type != model::TensorType::kEmbedding &&
        !fused::linear_serves(rule.shape[0], rule.shape[1])) {
      return fmt::format("{} is {} x {}, and its products take multiples of 8, up to {} x {}",
                         rule.name,
                         rule.shape[0],
                         rule.shape[1],
                         fused::kMaxFanOut,
                         fused::kMaxFanIn);
    }
  }
  return std::nullopt;
}

std::unique_ptr<Engine> make_fused_engine(const model::Parametrization& p,
                                          const EngineOptions& options,
                                          std::vector<float> weights) {
  return std::make_unique<FusedEngine>(p, options, std::move(weights));
}

}  // namespace ff::engine
