// SPDX-License-Identifier: MIT
#include "flops_fit/train/doctor.h"

#include "flops_fit/engine/cpu.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/engine/machine_speed.h"
#include "flops_fit/engine/speed.h"
#include "flops_fit/train/model_config.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <torch/torch.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <unistd.h>

namespace ff::train {
namespace {

/// Where the configuration names no batch: about the size that a sweep of minutes has.
constexpr int64_t kBatchTokens = 1024;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Large enough that no cache holds the arrays, small enough for the machine.
int64_t triad_array_bytes(const Machine& machine) {
  int64_t largest = int64_t{64} << 20;
  for (const CpuCache& cache : machine.caches) {
    largest = std::max(largest, 4 * cache.bytes);
  }
  const int64_t affordable = machine.memory_available_bytes / 12;
  return affordable > 0 ? std::min(largest, affordable) : largest;
}

/// Seconds per token of the eager engine on the configured model: on the CPU one process per core,
/// as in a sweep.
double eager_seconds(const TrainConfig& config,
                     const engine::SpeedShape& shape,
                     const engine::EngineOptions& options,
                     int64_t cores) {
  const engine::SpeedShape small =
      options.device == "cpu" ? engine::stand_in(shape) : shape;  // a GPU takes it whole
  const auto measure = [&] {
    engine::prepare_worker_process();
    const auto p = model::make_parametrization(small.arch, parametrization_options(config));
    const auto engine = engine::make_eager_engine(p, options, 1);
    return engine::measure_engine(*engine, small).train;
  };
  const double seconds =
      options.device == "cpu" ? median(engine::in_processes(cores, measure)) : measure();
  return seconds * cost::train_flops_per_token(shape.arch) /
         cost::train_flops_per_token(small.arch);
}

void examine_model(const TrainConfig& config, int64_t cores, DoctorFacts& facts) {
  facts.architecture = configured_architecture(config);
  facts.batch_rows = config.trainer.batch_size.value_or(
      std::max<int64_t>(1, kBatchTokens / facts.architecture.seq_len));
  const auto p = model::make_parametrization(facts.architecture, parametrization_options(config));
  facts.parametrization = p.name;
  engine::EngineOptions options = engine_options(config);
  options.device = facts.device = engine::resolve_device(config.hardware.device);
  facts.engine = engine::choose_engine(config.engine, options);
  facts.not_fused = engine::why_not_fused(options);
  if (facts.engine == "eager" && !facts.not_fused) {
    facts.not_fused = "engine=eager is asked for";
  }
  const engine::SpeedShape shape{
      .arch = facts.architecture, .batch_rows = facts.batch_rows, .norm_gains = p.has_gains()};
  if (facts.engine == "fused") {
    const engine::SpeedShape small = engine::stand_in(shape);
    facts.tokens_per_s =
        1.0 / engine::scaled_to(shape, small, engine::measure_speed(small, cores)).train;
  } else {
    facts.tokens_per_s = 1.0 / eager_seconds(config, shape, options, cores);
  }
}

}  // namespace

void enter_worker_environment() {
  bool changed = false;
  for (const auto& [name, value] : engine::worker_variables()) {
    const char* old = std::getenv(name.c_str());
    if (old == nullptr || old != value) {
      ::setenv(name.c_str(), value.c_str(), 1);
      changed = true;
    }
  }
  if (!changed) {
    return;
  }
  std::string command_line = read_file("/proc/self/cmdline");
  std::vector<char*> arguments;
  for (size_t at = 0; at < command_line.size(); at = command_line.find('\0', at) + 1) {
    arguments.push_back(command_line.data() + at);
  }
  arguments.push_back(nullptr);
  ::execv("/proc/self/exe", arguments.data());
  throw Error("cannot start ff-train again with the environment of a worker.");
}

DoctorFacts examine(const TrainConfig& config) {
  DoctorFacts facts{.machine = read_machine(),
                    .busy = busy_cores(0.3),
                    .vectors = engine::to_string(engine::instruction_set()),
                    .torch_version = TORCH_VERSION,
                    .cuda = torch::cuda::is_available(),
                    .nvidia_device = std::filesystem::exists("/dev/nvidia0"),
                    .blas = loaded_blas()};
  const int64_t allowed = facts.machine.allowed_cores;
  // Forked processes measure before this one starts any thread of LibTorch's.
  facts.peak_one_flops_per_s = engine::peaks_at_once(1).front();
  facts.peak_each_flops_per_s = median(engine::peaks_at_once(allowed));
  facts.blas_flops_per_s = engine::in_processes(1, [] {
                             engine::prepare_worker_process();
                             return blas_flops_per_s();
                           }).front();
  examine_model(config, std::min(allowed, config.hardware.num_threads.value_or(allowed)), facts);
  const int64_t bytes = triad_array_bytes(facts.machine);
  facts.bandwidth_one_bytes_per_s = engine::triad_bytes_per_s(1, bytes);
  facts.bandwidth_all_bytes_per_s = engine::triad_bytes_per_s(allowed, bytes);
  return facts;
}

}  // namespace ff::train
