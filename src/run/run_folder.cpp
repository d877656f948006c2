// SPDX-License-Identifier: MIT
#include "run_folder.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/config/interpolate.h"
#include "flops_fit/config/load.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

namespace ff::run {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHeader =
    "# The configuration of this run, as composed by ff-train; experiment.json is its part of the "
    "plan.\n";

train::TrainConfig read_config(const fs::path& path) {
  config::Node tree = config::read_yaml(path);
  config::resolve(tree);
  return config::load<train::TrainConfig>(tree);
}

}  // namespace

std::string config_hash(const train::TrainConfig& config,
                        const io::Experiment& experiment,
                        const std::string& data_identity) {
  io::Json planned = io::to_json(experiment);
  planned.erase("predicted_seconds");
  uint64_t hash = config::identity_hash(config);
  hash = fnv1a(planned.dump(), hash);
  return hash_text(fnv1a(data_identity, hash));
}

fs::path run_folder(const train::TrainConfig& config, const std::string& experiment_id) {
  return fs::path(config.paths.output) / "runs" / experiment_id;
}

void write_request(const train::RunRequest& request) {
  write_file_atomically(request.run_dir / "config.yaml",
                        kHeader + config::dump_resolved_yaml(request.config));
  io::Json json = io::to_json(request.experiment);
  json["config_hash"] = request.config_hash;
  json["data_identity"] = request.data_identity;
  io::write_json(request.run_dir / "experiment.json", json);
}

train::RunRequest read_request(const fs::path& run_dir) {
  const fs::path experiment_path = run_dir / "experiment.json";
  const io::Json json = io::read_json(experiment_path, "start the run through ff-train");
  train::RunRequest request;
  request.experiment = io::experiment_from_json(json, experiment_path.string() + ":");
  const io::ObjectReader reader(json, experiment_path.string());
  request.config_hash = reader.text("config_hash");
  request.data_identity = reader.text("data_identity");
  request.config = read_config(run_dir / "config.yaml");
  request.run_dir = run_dir;
  return request;
}

void write_result(const fs::path& run_dir, const io::RunResult& result) {
  io::write_json(run_dir / kResultFile, io::to_json(result));
}

std::optional<io::RunResult> read_result(const fs::path& run_dir) {
  const fs::path path = run_dir / kResultFile;
  if (!fs::exists(path)) {
    return std::nullopt;
  }
  return io::result_from_json(io::read_json(path, "delete it to train the run again"),
                              path.string());
}

std::optional<io::RunResult> find_result(const fs::path& run_dir, const std::string& hash) {
  try {
    std::optional<io::RunResult> result = read_result(run_dir);
    return result && result->config_hash == hash ? result : std::nullopt;
  } catch (const Error& problem) {
    spdlog::warn("{} The run is trained again.", problem.what());
    return std::nullopt;
  }
}

io::RunResult failed_result(const train::RunRequest& request, const std::string& reason) {
  io::RunResult result = train::planned_result(request);
  result.status = io::kFailed;
  result.error_message = reason;
  result.timestamp = utc_timestamp();
  return result;
}

}  // namespace ff::run
