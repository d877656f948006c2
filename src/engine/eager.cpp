// SPDX-License-Identifier: MIT
#include "flops_fit/engine/adamw.h"
#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/model/gpt.h"
#include "flops_fit/util/error.h"

#include <torch/torch.h>

#include <algorithm>
#include <cstdlib>
#include <malloc.h>

namespace ff::engine {
namespace {

using torch::Tensor;

class EagerEngine final : public Engine {
 public:
  EagerEngine(const model::Parametrization& p, const EngineOptions& options, uint64_t seed)
      : device_(options.device),
        pin_memory_(options.pin_memory && device_.is_cuda()),
        gpt_(p,
             {.rotary = options.rotary, .rotary_base = options.rope_base, .device = device_},
             seed),
        adamw_(p, options.optimizer, gpt_.flat_weights()) {}

  StepReport train_step(const Batch& batch, const StepOptions& options) override {
    const Tensor tokens = upload(batch);
    const int64_t parts = std::min(options.micro_batches, batch.rows);
    gpt_.flat_grads().zero_();
    double loss_sum = 0.0;
    for (const Tensor& part : tokens.tensor_split(parts)) {
      const Tensor loss = gpt_.loss(part.narrow(1, 0, batch.seq_len).contiguous(),
                                    part.narrow(1, 1, batch.seq_len).contiguous());
      const auto rows = static_cast<double>(part.size(0));
      const double share = rows / static_cast<double>(batch.rows);
      loss_sum += loss.item<double>() * share;
      loss.backward(torch::full_like(loss, part_weight(share)));
    }
    const double grad_rms = adamw_.step(gpt_.flat_weights(), gpt_.flat_grads(), options);
    return {.loss_nats = loss_sum, .grad_rms = grad_rms};
  }

  std::vector<float> target_losses(const Batch& batch) override {
    const Tensor tokens = upload(batch);
    const Tensor losses = gpt_.row_losses(tokens.narrow(1, 0, batch.seq_len).contiguous(),
                                          tokens.narrow(1, 1, batch.seq_len).contiguous());
    return to_vector(losses);
  }

  EngineState state() const override {
    return {.weights = to_vector(gpt_.flat_weights()),
            .first_moment = to_vector(adamw_.first_moment),
            .second_moment = to_vector(adamw_.second_moment),
            .steps = adamw_.steps};
  }

  void set_state(const EngineState& state) override {
    const torch::NoGradGuard no_grad;
    const auto load = [](Tensor into, const std::vector<float>& values) {
      into.copy_(torch::tensor(values));
    };
    load(gpt_.flat_weights(), state.weights);
    load(adamw_.first_moment, state.first_moment);
    load(adamw_.second_moment, state.second_moment);
    adamw_.steps = state.steps;
  }

 private:
  Tensor upload(const Batch& batch) const {
    auto options = torch::TensorOptions().dtype(torch::kInt64).pinned_memory(pin_memory_);
    Tensor tokens = torch::empty({batch.rows, batch.seq_len + 1}, options);
    std::copy(batch.tokens.begin(), batch.tokens.end(), tokens.data_ptr<int64_t>());
    return tokens.to(device_, /*non_blocking=*/pin_memory_);
  }

  /// What a part's gradient is multiplied by, so that the parts add up to the whole batch's
  /// gradient. A mean loss divides by its own rows, so each part counts by its share. A unit-scaled
  /// gradient is a sum over rows times 1/sqrt(rows of the part): the missing factor is sqrt(share).
  double part_weight(double share) const {
    return gpt_.parametrization().loss_grad_mean ? share : std::sqrt(share);
  }

  static std::vector<float> to_vector(const Tensor& tensor) {
    const Tensor flat = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
    return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
  }

  torch::Device device_;
  bool pin_memory_;
  model::Gpt gpt_;
  AdamW adamw_;
};

}  // namespace

std::string resolve_device(const std::string& device) {
  if (device == "cpu" || (device == "auto" && !torch::cuda::is_available())) {
    return "cpu";
  }
  if (!torch::cuda::is_available()) {
    throw error<ConfigError>(
        "hardware.device=cuda: this LibTorch ({}) finds no usable CUDA device; build against a "
        "CUDA "
        "LibTorch from pytorch.org (CMAKE_PREFIX_PATH) with a working driver, or set "
        "hardware.device=cpu.",
        TORCH_VERSION);
  }
  return "cuda";
}

std::unique_ptr<Engine> make_eager_engine(const model::Parametrization& p,
                                          const EngineOptions& options,
                                          uint64_t seed) {
  return std::make_unique<EagerEngine>(p, options, seed);
}

std::vector<std::pair<std::string, std::string>> worker_variables() {
  std::vector<std::pair<std::string, std::string>> variables = {
      {"OMP_NUM_THREADS", "1"}, {"OPENBLAS_NUM_THREADS", "1"}, {"MKL_NUM_THREADS", "1"}};
  if (instruction_set() == InstructionSet::kAvx512 && std::getenv("OPENBLAS_CORETYPE") == nullptr) {
    variables.emplace_back("OPENBLAS_CORETYPE", "SkylakeX");
  }
  return variables;
}

void use_one_thread() {
  // Setting it makes LibTorch start a pool of a thread for each core, and wait for them for ever
  // where the system has no room for so many (ulimit -u).
  if (torch::get_num_threads() != 1) {
    torch::set_num_threads(1);
  }
}

void prepare_worker_process() {
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, -1);
  ::mallopt(M_TOP_PAD, 64 << 20);
  use_one_thread();
}

}  // namespace ff::engine
