// SPDX-License-Identifier: MIT
#include "flops_fit/config/pipeline.h"

#include "flops_fit/util/error.h"

#include <algorithm>

namespace ff::config {
namespace {

constexpr size_t kMaxJobs = 100'000;

/// The override without the stage in front of its key, which stands behind +, ++ or ~.
std::string without_stage(const Override& change, const std::string& stage) {
  const auto key = change.text.find(change.key);
  return change.text.substr(0, key) + change.text.substr(key + stage.size() + 1);
}

[[noreturn]] void report_unknown_to_all(const Override& change,
                                        std::string_view key,
                                        std::span<const StageSchema> stages) {
  std::vector<std::string> known;
  for (const StageSchema& stage : stages) {
    known.insert(known.end(), stage.keys.begin(), stage.keys.end());
  }
  throw error<ConfigError>(
      "{}: no stage has a key {}.{}", change.origin(), key, suggestion(key, known));
}

}  // namespace

std::vector<std::string> route_overrides(const std::string& stage,
                                         std::span<const StageSchema> stages,
                                         const std::vector<std::string>& overrides) {
  std::vector<std::string> out;
  for (const std::string& text : overrides) {
    const Override change = parse_override(text);
    if (change.is_group_path() || change.key == "hydra" || change.key.starts_with("hydra.")) {
      out.push_back(text);
      continue;
    }
    bool known_here = false;
    bool refused_here = false;
    bool known_elsewhere = false;
    bool refused_elsewhere = false;
    const StageSchema* addressee = nullptr;
    for (const StageSchema& candidate : stages) {
      const bool here = candidate.name == stage;
      (here ? known_here : known_elsewhere) |= candidate.knows(change.key);
      (here ? refused_here : refused_elsewhere) |= candidate.refuses(change.key);
      if (change.key.starts_with(candidate.name + ".")) {
        addressee = &candidate;
      }
    }
    if (known_here || (refused_here && !known_elsewhere)) {
      out.push_back(text);  // loading reports a refused key with its reason
    } else if (known_elsewhere || refused_elsewhere) {
      continue;
    } else if (addressee != nullptr) {
      // A key of that name (the group `trainer` of ff-train) came first, above.
      const std::string key = change.key.substr(addressee->name.size() + 1);
      if (!addressee->knows(key) && !addressee->refuses(key)) {
        throw error<ConfigError>("{}: the stage {} has no key {}.{}",
                                 change.origin(),
                                 addressee->name,
                                 key,
                                 suggestion(key, addressee->keys));
      }
      if (addressee->name == stage) {
        out.push_back(without_stage(change, stage));
      }
    } else {
      report_unknown_to_all(change, change.key, stages);
    }
  }
  return out;
}

std::vector<std::vector<std::string>> expand_sweeps(
    const std::vector<std::string>& overrides,
    const std::vector<std::filesystem::path>& search_path) {
  std::vector<std::vector<std::string>> jobs = {{}};
  for (const std::string& text : overrides) {
    const Override change = parse_override(text);
    if (!change.is_sweep) {
      for (auto& job : jobs) {
        job.push_back(text);
      }
      continue;
    }
    const std::string head = text.substr(0, text.find('=') + 1);
    const std::vector<Node> values = sweep_values(change, search_path);
    if (jobs.size() * values.size() > kMaxJobs) {
      throw error<ConfigError>("{}: the sweeps make more than {} jobs.", change.origin(), kMaxJobs);
    }
    std::vector<std::vector<std::string>> product;
    product.reserve(jobs.size() * values.size());
    for (const auto& job : jobs) {
      for (const Node& value : values) {
        product.push_back(job);
        product.back().push_back(head + override_value(value));
      }
    }
    jobs = std::move(product);
  }
  return jobs;
}

}  // namespace ff::config
