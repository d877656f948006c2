// SPDX-License-Identifier: MIT
#include "flops_fit/train/checkpoint.h"

#include "flops_fit/data/mapped_file.h"
#include "flops_fit/io/json.h"
#include "flops_fit/io/safetensors.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"

#include <spdlog/spdlog.h>

#include <array>
#include <new>

namespace ff::train {
namespace {

namespace fs = std::filesystem;
using io::checksum_of;
using io::Json;

constexpr int64_t kVersion = 2;  // 1 had no checksum
constexpr const char* kStateFile = "state.json";

fs::path folder_of(const fs::path& run_dir) {
  return run_dir / "checkpoint";
}

/// The flat arrays of an engine's state and what their tensors' names begin with.
template <class State>
auto arrays_of(State& state) {
  return std::array{std::pair{"", &state.weights},
                    std::pair{"adam.first.", &state.first_moment},
                    std::pair{"adam.second.", &state.second_moment}};
}

/// Appends one flat array, tensor by tensor.
void append_views(std::vector<io::TensorView>& views,
                  const std::string& prefix,
                  std::span<const model::TensorRule> tensors,
                  std::span<const float> values) {
  for (const model::TensorRule& rule : tensors) {
    const auto size = static_cast<size_t>(rule.numel());
    views.push_back(
        {.name = prefix + rule.name, .shape = rule.shape, .values = values.first(size)});
    values = values.subspan(size);
  }
}

void read_tensors(const fs::path& path,
                  const std::string& hash,
                  std::span<const model::TensorRule> tensors,
                  engine::EngineState& state) {
  const data::MappedFile file(path);
  if (hash_text(data::content_hash(file.bytes())) != hash) {
    throw error<FileError>("{}: not the bytes that were written.", path.string());
  }
  const io::Safetensors stored = io::parse_safetensors(file.bytes(), path.string());
  size_t total = 0;
  for (const model::TensorRule& rule : tensors) {
    total += static_cast<size_t>(rule.numel());
  }
  for (const auto& [prefix, array] : arrays_of(state)) {
    array->resize(total);
    std::span<float> rest(*array);
    for (const model::TensorRule& rule : tensors) {
      const auto size = static_cast<size_t>(rule.numel());
      stored.read(prefix + rule.name, rule.shape, rest.first(size), path.string());
      rest = rest.subspan(size);
    }
  }
}

std::string tensors_name(int64_t step) {
  return fmt::format("step-{}.safetensors", step);
}

Json to_json(const Checkpoint& checkpoint, const std::string& hash) {
  const LoopCounters& c = checkpoint.counters;
  Json state = {{"format", "flops-fit checkpoint"},
                {"version", kVersion},
                {"config_hash", checkpoint.config_hash},
                {"step", c.step},
                {"data", {{"seed", checkpoint.data_seed}, {"next_step", c.step}}},
                {"metrics_bytes", c.metrics_bytes},
                {"log_loss_sum", c.log_loss_sum},
                {"log_steps", c.log_steps},
                {"tail_loss_sum", c.tail_loss_sum},
                {"tail_steps", c.tail_steps},
                {"wall_s", c.wall_s},
                {"core_s", c.core_s},
                {"diverged_learning_rates", c.diverged_learning_rates},
                {"tensors", tensors_name(c.step)},
                {"tensors_hash", hash}};
  state["checksum"] = checksum_of(state);
  return state;
}

/// Throws FileError if the state is not what was written, or contradicts itself.
void check_state(const Json& json, const io::ObjectReader& reader) {
  if (reader.integer("version") != kVersion) {
    throw error<FileError>("{}: version {}, this program reads {}.",
                           reader.where(),
                           reader.integer("version"),
                           kVersion);
  }
  if (reader.text("checksum") != checksum_of(json)) {
    throw error<FileError>("{}: not what was written: its checksum differs.", reader.where());
  }
  const int64_t step = reader.integer("step");
  if (step < 0 || reader.object("data").integer("next_step") != step ||
      reader.text("tensors") != tensors_name(step) || reader.integer("metrics_bytes") < 0) {
    throw error<FileError>("{}: contradicts itself.", reader.where());
  }
}

Checkpoint from_json(const io::ObjectReader& json) {
  Checkpoint checkpoint;
  checkpoint.config_hash = json.text("config_hash");
  checkpoint.data_seed = json.object("data").integer("seed");
  checkpoint.counters = {.step = json.integer("step"),
                         .log_loss_sum = json.number("log_loss_sum"),
                         .log_steps = json.integer("log_steps"),
                         .tail_loss_sum = json.number("tail_loss_sum"),
                         .tail_steps = json.integer("tail_steps"),
                         .wall_s = json.number("wall_s"),
                         .core_s = json.number("core_s"),
                         .metrics_bytes = json.integer("metrics_bytes")};
  for (const Json& rate : json.at("diverged_learning_rates")) {
    checkpoint.counters.diverged_learning_rates.push_back(rate.get<double>());
  }
  checkpoint.state.steps = checkpoint.counters.step;
  return checkpoint;
}

/// Tensors of other steps than the one that counts.
void remove_others(const fs::path& folder, const std::string& tensors) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("step-") && name.ends_with(".safetensors") && name != tensors) {
      fs::remove(entry.path(), ignored);
    }
  }
}

}  // namespace

void save_checkpoint(const fs::path& run_dir,
                     std::span<const model::TensorRule> tensors,
                     const Checkpoint& checkpoint) {
  std::vector<io::TensorView> views;
  for (const auto& [prefix, array] : arrays_of(checkpoint.state)) {
    append_views(views, prefix, tensors, *array);
  }
  const std::string name = tensors_name(checkpoint.counters.step);
  const fs::path path = folder_of(run_dir) / name;
  io::write_safetensors(path, views, {{"config_hash", checkpoint.config_hash}});
  const std::string hash = hash_text(data::content_hash(data::MappedFile(path).bytes()));
  io::write_json(folder_of(run_dir) / kStateFile, to_json(checkpoint, hash));
  remove_others(folder_of(run_dir), name);
}

std::optional<Checkpoint> load_checkpoint(const fs::path& run_dir,
                                          std::span<const model::TensorRule> tensors,
                                          const std::string& config_hash) {
  const fs::path file = folder_of(run_dir) / kStateFile;
  std::error_code failure;
  if (!fs::exists(file, failure)) {
    if (failure) {
      throw_read_error(file, "look for", failure.value());
    }
    return std::nullopt;
  }
  try {
    const Json json = io::read_json(file, "delete it");
    const io::ObjectReader reader(json, file.string());
    check_state(json, reader);
    Checkpoint checkpoint = from_json(reader);
    if (checkpoint.config_hash == config_hash) {
      read_tensors(folder_of(run_dir) / tensors_name(checkpoint.counters.step),
                   reader.text("tensors_hash"),
                   tensors,
                   checkpoint.state);
      return checkpoint;
    }
    spdlog::warn("{}: belongs to another configuration; the run starts anew.", file.string());
  } catch (const std::bad_alloc&) {
    throw;  // it may be whole
  } catch (const UnreadableError&) {
    throw;  // so may this
  } catch (const std::exception& problem) {
    spdlog::warn("{}: damaged ({}) The run starts anew.", file.string(), problem.what());
  }
  return std::nullopt;
}

void remove_checkpoint(const fs::path& run_dir) {
  std::error_code ignored;
  fs::remove(folder_of(run_dir) / kStateFile, ignored);
  remove_others(folder_of(run_dir), "");
  fs::remove(folder_of(run_dir), ignored);  // if nobody keeps anything of their own there
}

void save_weights(const fs::path& path,
                  std::span<const model::TensorRule> tensors,
                  const std::vector<float>& weights) {
  std::vector<io::TensorView> views;
  append_views(views, "", tensors, weights);
  io::write_safetensors(path, views, {{"format", "flops-fit weights"}});
}

}  // namespace ff::train
