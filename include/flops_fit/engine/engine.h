// SPDX-License-Identifier: MIT
#pragma once
// One training step behind one interface, so that the training loop does not know what runs it:
// eager (LibTorch's autograd, on the CPU and on CUDA) or fused (by hand, on the CPU, float32).
#include "flops_fit/model/parametrization.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace ff::engine {

/// Rows of seq_len + 1 tokens: token t of a row is the input whose target is token t + 1. A last
/// token of -1 is no target: it has no loss, and the mean is over the others.
struct Batch {
  std::span<const int32_t> tokens;
  int64_t rows = 0;
  int64_t seq_len = 0;
};

struct OptimizerOptions {
  double beta1 = 0.9;
  double beta2 = 0.99;
  double eps = 1e-8;
  double max_grad_rms = 0.0;  ///< 0 = no clipping
};

struct StepOptions {
  double learning_rate = 0.0;    ///< peak eta; each tensor has its factor of it
  double weight_decay = 0.0;     ///< as configured; the parametrization says what it removes
  double schedule_factor = 1.0;  ///< of this step, on learning rate and decay
  int64_t micro_batches = 1;     ///< parts that the batch is split into; the update is the same
};

struct StepReport {
  double loss_nats = 0.0;  ///< mean over the batch, before the update
  double grad_rms = 0.0;   ///< root mean square of all gradients
};

/// Everything that a run needs to go on after a restart, as plain arrays in the tensors' order.
struct EngineState {
  std::vector<float> weights, first_moment, second_moment;
  int64_t steps = 0;  ///< optimizer steps taken
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual StepReport train_step(const Batch& batch, const StepOptions& options) = 0;
  /// Cross-entropy [nats] of every target of the batch, in order.
  [[nodiscard]] virtual std::vector<float> target_losses(const Batch& batch) = 0;
  [[nodiscard]] virtual EngineState state() const = 0;
  virtual void set_state(const EngineState& state) = 0;
  /// Threads that a step may use from now on. The result does not depend on the number.
  virtual void set_num_threads(int64_t) {}
};

struct EngineOptions {
  bool rotary = true;
  double rope_base = 10000.0;
  OptimizerOptions optimizer;
  std::string device = "cpu";  ///< "cpu" or "cuda"
  bool pin_memory = false;
  bool bf16_products = false;  ///< factors of the matrix products in bfloat16; fused only
  bool emulate_bf16 = false;   ///< the same numbers where the CPU cannot: no faster, for tests
};

/// The eager engine. Throws ConfigError when the device is not there, saying what is missing.
[[nodiscard]] std::unique_ptr<Engine> make_eager_engine(const model::Parametrization& p,
                                                        const EngineOptions& options,
                                                        uint64_t seed);

/// The fused engine, from weights in the tensors' order. Knows no LibTorch. Precondition:
/// !why_not_fused().
[[nodiscard]] std::unique_ptr<Engine> make_fused_engine(const model::Parametrization& p,
                                                        const EngineOptions& options,
                                                        std::vector<float> weights);

/// Why the fused engine cannot serve, or nothing if it can. It trains every model of the table.
[[nodiscard]] std::optional<std::string> why_not_fused(const EngineOptions& options);

/// "eager" or "fused" for a configured engine of auto, eager or fused. Throws ConfigError with the
/// reason where fused is asked for and cannot serve, or bfloat16 where nothing can.
[[nodiscard]] std::string choose_engine(const std::string& asked, const EngineOptions& options);

/// An engine by the name that choose_engine() gave; both start from the same weights for a seed.
[[nodiscard]] std::unique_ptr<Engine> make_engine(const std::string& name,
                                                  const model::Parametrization& p,
                                                  const EngineOptions& options,
                                                  uint64_t seed);

/// "cpu" or "cuda" for a configured device of auto, cpu or cuda.
[[nodiscard]] std::string resolve_device(const std::string& device);

/// Environment variables that a worker is started with: one thread per worker; and OpenBLAS takes
/// new AVX-512 servers for older CPUs and runs at half speed, unless OPENBLAS_CORETYPE (left alone
/// where it is set) says otherwise. OpenBLAS reads them before main(), so a process cannot set its
/// own.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> worker_variables();

/// LibTorch's operations, called from this thread, start no further ones. Costs nothing where
/// worker_variables() say so already.
void use_one_thread();

/// One thread for this process, and an allocator that keeps memory (glibc hands every large tensor
/// back to the kernel, which costs eager LibTorch a third of its speed). Call once, before tensors.
void prepare_worker_process();

}  // namespace ff::engine
