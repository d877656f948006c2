// SPDX-License-Identifier: MIT
#include "flops_fit/train/checkpoint.h"

#include "flops_fit/data/mapped_file.h"
#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <spdlog/spdlog.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

namespace ff::train {
namespace {

namespace fs = std::filesystem;
using io::Json;

// safetensors: 8 bytes of little-endian header length, a JSON header, then the tensors' bytes.
constexpr size_t kLengthBytes = 8;
constexpr std::array<const char*, 3> kNames = {"weights", "first_moment", "second_moment"};

fs::path file_of(const fs::path& run_dir) {
  return run_dir / "checkpoint" / "state.safetensors";
}

template <class State>
auto tensors_of(State& state) {
  return std::array{&state.weights, &state.first_moment, &state.second_moment};
}

Checkpoint parse(std::string_view bytes) {
  uint64_t header_length = 0;
  if (bytes.size() < kLengthBytes) {
    throw Error("shorter than its own header");
  }
  std::memcpy(&header_length, bytes.data(), kLengthBytes);
  if (header_length > bytes.size() - kLengthBytes) {
    throw Error("shorter than its own header");
  }
  const Json header = Json::parse(bytes.substr(kLengthBytes, header_length));
  // safetensors' metadata holds strings only, so the loop's numbers are one JSON text.
  const Json& meta = header.at("__metadata__");
  const Json loop = Json::parse(meta.at("loop").get<std::string>());
  Checkpoint checkpoint;
  checkpoint.config_hash = meta.at("config_hash").get<std::string>();
  checkpoint.counters = {.step = loop.at("step"),
                         .log_loss_sum = loop.at("log_loss_sum"),
                         .log_steps = loop.at("log_steps"),
                         .tail_loss_sum = loop.at("tail_loss_sum"),
                         .tail_steps = loop.at("tail_steps"),
                         .wall_s = loop.at("wall_s"),
                         .core_s = loop.value("core_s", loop.at("wall_s").get<double>())};
  checkpoint.state.steps = checkpoint.counters.step;
  const size_t data = kLengthBytes + header_length;
  const auto tensors = tensors_of(checkpoint.state);
  for (size_t i = 0; i < kNames.size(); ++i) {
    const auto offsets = header.at(kNames[i]).at("data_offsets").get<std::array<size_t, 2>>();
    if (offsets[0] > offsets[1] || data + offsets[1] > bytes.size()) {
      throw Error("shorter than its tensors");
    }
    tensors[i]->resize((offsets[1] - offsets[0]) / sizeof(float));
    std::memcpy(tensors[i]->data(), bytes.data() + data + offsets[0], offsets[1] - offsets[0]);
  }
  return checkpoint;
}

}  // namespace

void save_checkpoint(const fs::path& run_dir, const Checkpoint& checkpoint) {
  const LoopCounters& c = checkpoint.counters;
  const Json loop = {{"step", c.step},
                     {"log_loss_sum", c.log_loss_sum},
                     {"log_steps", c.log_steps},
                     {"tail_loss_sum", c.tail_loss_sum},
                     {"tail_steps", c.tail_steps},
                     {"wall_s", c.wall_s},
                     {"core_s", c.core_s}};
  Json header = {
      {"__metadata__", {{"config_hash", checkpoint.config_hash}, {"loop", loop.dump()}}}};
  const auto tensors = tensors_of(checkpoint.state);
  const auto bytes_of = [](const std::vector<float>& tensor) {
    return tensor.size() * sizeof(float);
  };
  size_t end = 0;
  for (size_t i = 0; i < kNames.size(); ++i) {
    const size_t begin = end;
    end += bytes_of(*tensors[i]);
    header[kNames[i]] = {
        {"dtype", "F32"}, {"shape", {tensors[i]->size()}}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // keeps the tensors aligned in a memory map
  const uint64_t length = text.size();
  // Straight from the tensors: a copy of them all may be what the machine has no memory for.
  const fs::path file = file_of(run_dir);
  write_atomically(file, [&](const fs::path& temporary) {
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(&length), kLengthBytes);
    out << text;
    for (const std::vector<float>* tensor : tensors) {
      out.write(reinterpret_cast<const char*>(tensor->data()),
                static_cast<std::streamsize>(bytes_of(*tensor)));
    }
    out.close();
    if (!out) {
      throw error<Error>("{}: cannot write: {}.", file.string(), std::strerror(errno));
    }
  });
}

std::optional<Checkpoint> load_checkpoint(const fs::path& run_dir, const std::string& config_hash) {
  const fs::path file = file_of(run_dir);
  if (!fs::exists(file)) {
    return std::nullopt;
  }
  try {
    Checkpoint checkpoint = parse(data::MappedFile(file).bytes());
    if (checkpoint.config_hash == config_hash) {
      return checkpoint;
    }
    spdlog::warn("{}: belongs to another configuration; the run starts anew.", file.string());
  } catch (const std::exception& problem) {
    spdlog::warn("{}: damaged ({}); the run starts anew.", file.string(), problem.what());
  }
  return std::nullopt;
}

void remove_checkpoint(const fs::path& run_dir) {
  std::error_code ignored;
  fs::remove_all(run_dir / "checkpoint", ignored);
}

}  // namespace ff::train
