// SPDX-License-Identifier: MIT
#include "run_folder.h"

#include "run_identity.h"

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

/// The hash that this version gives to what the folder records; empty if it does not record enough.
/// An earlier version hashed the experiment's name, too.
std::string hash_of_record(const train::RunRequest& request) {
  try {
    return RunIdentity(request.config, request.data_identity).hash_of(request.experiment);
  } catch (const UnreadableError&) {
    throw;
  } catch (const std::exception&) {
    return "";
  }
}

/// The hash of the run that experiment.json asks for: as it stands there, and as this version
/// would have it (for results: checkpoints of an earlier version are not read). Both empty if it
/// asks for none.
struct RequestedHash {
  std::string recorded;
  std::string current;
};

RequestedHash requested_hash(const fs::path& run_dir) {
  try {
    const fs::path path = run_dir / kRequestFile;
    const io::Json json = io::read_json(path, "start the run through ff-train");
    const io::ObjectReader reader(json, path.string());
    const std::string recorded = reader.text("config_hash");
    if (!is_hash(recorded)) {
      return {};
    }
    return {recorded,
            reader.integer_or("hash_version", 1) == kIdentityVersion
                ? recorded
                : hash_of_record(read_request(run_dir))};
  } catch (const UnreadableError&) {
    throw;
  } catch (const std::exception&) {
    return {};
  }
}

/// What a killed writer may have left behind; nobody's work.
bool is_temporary(const std::string& name) {
  return name.starts_with('.') && name.ends_with(".tmp");
}

std::optional<io::RunResult> readable_result(const fs::path& run_dir) {
  try {
    return read_result(run_dir);
  } catch (const UnreadableError&) {
    throw;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/// Fills in what the result and the request say. Throws UnreadableError.
void read_records(const fs::path& run_dir, FolderContent& content) {
  content.result = readable_result(run_dir);
  const RequestedHash requested = requested_hash(run_dir);
  if (content.result && requested.recorded.empty()) {
    content.config_hash = content.result->config_hash;
    return;
  }
  content.config_hash = requested.recorded;
  if (!content.result) {
    return;
  }
  const std::string& found = content.result->config_hash;
  if (found == requested.recorded || found == requested.current) {
    content.config_hash = requested.current;
    content.older_hash = found != requested.current;
    content.result->config_hash = requested.current;
  } else {
    content.result.reset();  // of a run that was replaced
  }
}

}  // namespace

fs::path run_folder(const train::TrainConfig& config, const std::string& experiment_id) {
  return fs::path(config.paths.output) / "runs" / experiment_id;
}

void write_request(const train::RunRequest& request) {
  // First what says whose run it is: another ff-train may look at any moment.
  io::Json json = io::to_json(request.experiment);
  json["config_hash"] = request.config_hash;
  json["hash_version"] = kIdentityVersion;
  json["data_identity"] = request.data_identity;
  io::write_json(request.run_dir / kRequestFile, json);
  write_file_atomically(request.run_dir / "config.yaml",
                        kHeader + config::dump_resolved_yaml(request.config));
}

train::RunRequest read_request(const fs::path& run_dir) {
  const fs::path experiment_path = run_dir / kRequestFile;
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
  std::error_code unreadable;
  if (!fs::exists(path, unreadable)) {
    return std::nullopt;
  }
  return io::result_from_json(io::read_json(path, "delete it to train the run again"),
                              path.string());
}

std::optional<io::RunResult> find_result(const fs::path& run_dir, const std::string& hash) {
  try {
    std::optional<io::RunResult> result = read_result(run_dir);
    return result && result->config_hash == hash ? result : std::nullopt;
  } catch (const UnreadableError&) {
    throw;  // it may be whole
  } catch (const Error& problem) {
    spdlog::warn("{} The run is trained again.", problem.what());
    return std::nullopt;
  }
}

FolderContent read_content(const fs::path& run_dir) {
  FolderContent content;
  std::error_code failure;
  const fs::file_status status = fs::symlink_status(run_dir, failure);
  if (status.type() == fs::file_type::not_found) {
    return content;
  }
  if (status.type() != fs::file_type::directory) {
    const std::string what = status.type() == fs::file_type::symlink ? "is a symbolic link"
                             : failure                               ? failure.message()
                                                                     : "is not a folder";
    content.blocked = fmt::format(
        "{}: {}; a run needs a folder of its own there, so move it away.", run_dir.string(), what);
    return content;
  }
  for (fs::directory_iterator entry(run_dir, failure);
       !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    if (entry->path().filename() != kLockFile && !is_temporary(entry->path().filename().string())) {
      content.nothing = false;
    }
  }
  if (failure) {
    content.blocked = fmt::format("{}: cannot be read: {}.", run_dir.string(), failure.message());
    return content;
  }
  if (content.nothing) {
    return content;
  }
  try {
    read_records(run_dir, content);
  } catch (const UnreadableError& problem) {
    content = {.nothing = false, .blocked = problem.what()};
    return content;
  }
  content.checkpoint = fs::exists(run_dir / "checkpoint" / "state.json", failure);
  content.submitted = fs::exists(run_dir / "api.json", failure);
  return content;
}

void refuse_links(const fs::path& run_dir) {
  std::error_code failure;
  for (fs::recursive_directory_iterator entry(run_dir, failure);
       !failure && entry != fs::recursive_directory_iterator();
       entry.increment(failure)) {
    if (entry->is_symlink(failure)) {
      throw error<PathError>(
          "{}: is a symbolic link, and nothing is written through one; remove it.",
          entry->path().string());
    }
  }
}

bool relabel(io::RunResult& result, const io::Experiment& experiment) {
  const auto set = [](auto& field, const auto& value) {
    const bool differs = field != value;
    field = value;
    return differs;
  };
  bool changed = set(result.experiment_id, experiment.experiment_id);
  changed = set(result.sweep_kind, experiment.sweep_kind) || changed;
  changed = set(result.compute_budget, experiment.compute_budget) || changed;
  return set(result.model_size, experiment.model_size) || changed;
}

io::RunResult failed_result(const train::RunRequest& request, const std::string& reason) {
  io::RunResult result = train::planned_result(request);
  result.status = io::kFailed;
  result.error_message = reason;
  result.timestamp = utc_timestamp();
  return result;
}

}  // namespace ff::run
