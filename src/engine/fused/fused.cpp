// SPDX-License-Identifier: MIT
// The fused engine: a training step without autograd. A batch is cut into groups of blocks; each
// group adds up its own gradient, and the groups' gradients are added in their order. How a batch
// is cut depends on its shape alone, so any number of threads gives the same bits.
#include "blocks.h"
#include "kernels.h"
#include "network.h"

#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/util/thread_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ff::engine {
namespace {

using fused::size;

/// Weights that one task of the update handles.
struct Range {
  const model::TensorRule* rule;
  int64_t first, count;
};

class FusedEngine final : public Engine {
 public:
  FusedEngine(const model::Parametrization& p,
              const EngineOptions& options,
              std::vector<float> weights)
      : options_(options.optimizer),
        parametrization_(p),
        network_(p, options),
        pool_(std::make_unique<ThreadPool>(1)),
        weights_(std::move(weights)),
        first_moment_(weights_.size()),
        second_moment_(weights_.size()) {
    workspaces_.push_back(network_.make_workspace());
    constexpr int64_t kRange = 16 * 1024;
    for (const fused::Slot& slot : network_.slots()) {
      for (int64_t first = 0; first < slot.rule->numel(); first += kRange) {
        ranges_.push_back(
            {slot.rule, slot.offset + first, std::min(kRange, slot.rule->numel() - first)});
      }
    }
  }

  void set_num_threads(int64_t num_threads) override {
    pool_ = std::make_unique<ThreadPool>(num_threads);
    workspaces_.resize(1);
    while (std::cmp_less(workspaces_.size(), pool_->num_threads())) {
      workspaces_.push_back(network_.make_workspace());
    }
  }

  /// micro_batches is not needed: a batch is always taken a few rows at a time, with the gradient
  /// scales of the whole.
  StepReport train_step(const Batch& batch, const StepOptions& options) override {
    const fused::BatchSize whole = size_of(batch);
    const std::vector<fused::Block> blocks = cut(batch);
    const auto count = static_cast<int64_t>(blocks.size());
    const int64_t groups = std::min(
        count, fused::groups_of_batch(whole.positions, static_cast<int64_t>(weights_.size())));
    grads_.resize(size(groups));
    pack(true);
    pool_->run(groups, [&](int64_t group, size_t thread) {
      fused::Buffer& grads = grads_[size(group)];
      grads.assign(weights_.size(), 0.0F);
      for (int64_t i = group * count / groups; i < (group + 1) * count / groups; ++i) {
        network_.train(workspaces_[thread], weights_.data(), blocks[size(i)], whole, grads.data());
      }
    });
    double loss = 0.0;
    for (const float target_loss : losses_) {
      loss += static_cast<double>(target_loss);
    }
    return {.loss_nats = loss / static_cast<double>(whole.scored), .grad_rms = update(options)};
  }

  std::vector<float> target_losses(const Batch& batch) override {
    const std::vector<fused::Block> blocks = cut(batch);
    pack(false);
    pool_->run(static_cast<int64_t>(blocks.size()), [&](int64_t i, size_t thread) {
      network_.forward(workspaces_[thread], weights_.data(), blocks[size(i)]);
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
  static fused::BatchSize size_of(const Batch& batch) {
    fused::BatchSize whole{.positions = batch.rows * batch.seq_len};
    whole.scored = whole.positions;
    for (int64_t row = 0; row < batch.rows; ++row) {
      whole.scored -= batch.tokens[size((row + 1) * (batch.seq_len + 1) - 1)] < 0 ? 1 : 0;
    }
    return whole;
  }

  std::vector<fused::Block> cut(const Batch& batch) {
    losses_.resize(size(batch.rows * batch.seq_len));
    std::vector<fused::Block> blocks;
    const int64_t row_tokens = batch.seq_len + 1;
    const int64_t step = network_.rows_per_block();
    for (int64_t first = 0; first < batch.rows; first += step) {
      const int64_t rows = std::min(step, batch.rows - first);
      blocks.push_back({batch.tokens.subspan(size(first * row_tokens), size(rows * row_tokens)),
                        rows,
                        losses_.data() + first * batch.seq_len});
    }
    return blocks;
  }

  void pack(bool with_gradients) {
    pool_->run(static_cast<int64_t>(network_.slots().size()), [&](int64_t slot, size_t) {
      network_.pack(size(slot), weights_.data(), with_gradients);
    });
  }

  /// Adds up the groups' gradients, in the first one's place; returns their root mean square.
  double reduce() {
    std::vector<double> squares(ranges_.size());
    pool_->run(static_cast<int64_t>(ranges_.size()), [&](int64_t i, size_t) {
      const Range& range = ranges_[size(i)];
      float* into = grads_.front().data() + range.first;
      for (size_t group = 1; group < grads_.size(); ++group) {
        fused::scaled_sum(range.count, 1.0F, grads_[group].data() + range.first, 1.0F, into, into);
      }
      squares[size(i)] = fused::sum_of_squares(range.count, into);
    });
    double sum = 0.0;
    for (const double part : squares) {
      sum += part;
    }
    return std::sqrt(sum / static_cast<double>(weights_.size()));
  }

  /// AdamW; returns the gradients' root mean square.
  double update(const StepOptions& options) {
    const double rms = reduce();
    const bool clip = options_.max_grad_rms > 0 && rms > options_.max_grad_rms;
    const double decay = options.schedule_factor * parametrization_.decay_per_step(
                                                       options.weight_decay, options.learning_rate);
    ++steps_;
    const auto t = static_cast<double>(steps_);
    const fused::AdamStep whole{
        .beta1 = static_cast<float>(options_.beta1),
        .beta2 = static_cast<float>(options_.beta2),
        .eps = static_cast<float>(options_.eps),
        .correction1 = static_cast<float>(1.0 - std::pow(options_.beta1, t)),
        .correction2 = static_cast<float>(1.0 - std::pow(options_.beta2, t)),
        .grad_scale = clip ? static_cast<float>(options_.max_grad_rms / rms) : 1.0F};
    pool_->run(static_cast<int64_t>(ranges_.size()), [&](int64_t i, size_t) {
      const Range& range = ranges_[size(i)];
      fused::AdamStep step = whole;
      step.learning_rate =
          static_cast<float>(options.learning_rate * options.schedule_factor * range.rule->lr);
      step.decay = static_cast<float>(decay * range.rule->weight_decay);
      fused::adamw(step,
                   range.count,
                   grads_.front().data() + range.first,
                   first_moment_.data() + range.first,
                   second_moment_.data() + range.first,
                   weights_.data() + range.first);
    });
    return rms;
  }

  OptimizerOptions options_;
  model::Parametrization parametrization_;
  fused::Network network_;
  std::unique_ptr<ThreadPool> pool_;
  std::vector<fused::Workspace> workspaces_;  ///< one per thread
  std::vector<float> weights_, first_moment_, second_moment_;
  std::vector<fused::Buffer> grads_;  ///< one per group
  std::vector<Range> ranges_;
  std::vector<float> losses_;
  int64_t steps_ = 0;
};

}  // namespace

std::optional<std::string> why_not_fused(const EngineOptions& options) {
  if (options.device != "cpu") {
    return "it runs on the CPU only";
  }
  if (options.bf16_products && !options.emulate_bf16 && !has_bf16_products()) {
    return fmt::format(
        "hardware.dtype=bfloat16 needs a CPU with AVX512_BF16, and this one has {}; use float32",
        to_string(instruction_set()));
  }
  return std::nullopt;
}

std::unique_ptr<Engine> make_fused_engine(const model::Parametrization& p,
                                          const EngineOptions& options,
                                          std::vector<float> weights) {
  return std::make_unique<FusedEngine>(p, options, std::move(weights));
}

}  // namespace ff::engine
