// SPDX-License-Identifier: MIT
// What is known of this machine's speed, and the measuring of what is not.
#include "flops_fit/engine/speed.h"
#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"
#include "flops_fit/util/machine.h"
#include "flops_fit/util/threads.h"
#include "flops_fit/util/units.h"
#include "flops_fit/util/version.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

namespace ff::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "flops-fit speeds 2";

/// A changed digit would otherwise pass as a speed.
std::string hash_of(const io::Json& entries) {
  return hash_text(fnv1a(entries.dump()));
}

/// The entries of the cache file; none if there is no file, or, with a warning, if it is not ours.
io::Json read_cache(const fs::path& path) {
  std::error_code ignored;
  if (path.empty() || !fs::exists(path, ignored)) {
    return io::Json::object();
  }
  try {
    const io::Json file = io::read_json(path, "delete it");
    const io::ObjectReader object(file, path.string());
    if (object.text("format") != kFormat) {
      throw error<FileError>("{}: its format is \"{}\", expected \"{}\".",
                             path.string(),
                             object.text("format"),
                             kFormat);
    }
    const io::Json& entries = object.at("speeds");
    if (object.text("hash") != hash_of(entries)) {
      throw error<FileError>("{}: damaged: its speeds do not match its hash.", path.string());
    }
    for (const auto& [key, entry] : entries.items()) {
      const io::ObjectReader speed(entry, path.string() + ": " + key);
      static_cast<void>(speed.positive("train_s_per_token"));
      static_cast<void>(speed.positive("evaluate_s_per_token"));
    }
    return entries.is_object() ? entries : io::Json::object();
  } catch (const Error& problem) {
    spdlog::warn("{} The speed of this machine is measured anew.", problem.what());
    return io::Json::object();
  }
}

void write_cache(const fs::path& path, const io::Json& entries) {
  if (path.empty()) {
    return;
  }
  try {
    remove_dead_temporaries(path.parent_path());
    io::write_json(path, {{"format", kFormat}, {"speeds", entries}, {"hash", hash_of(entries)}});
  } catch (const Error& problem) {
    spdlog::debug("{} The speed will be measured again.", problem.what());
  }
}

/// A model that has to be known.
struct Question {
  SpeedShape shape;
  std::optional<cost::TokenSeconds> answer;
  double flops() const { return cost::train_flops_per_token(shape.arch); }
};

/// 0 ... n-1 with the ends first, then the middles of what lies between: cut off anywhere, what was
/// visited is spread evenly.
std::vector<size_t> spread_order(size_t n) {
  std::vector<size_t> order;
  std::vector<std::pair<size_t, size_t>> gaps;  // both ends visited
  if (n > 0) {
    order.push_back(n - 1);
  }
  if (n > 1) {
    order.push_back(0);
    gaps.emplace_back(0, n - 1);
  }
  for (size_t i = 0; i < gaps.size(); ++i) {
    const auto [low, high] = gaps[i];
    if (high - low > 1) {
      const size_t middle = low + (high - low) / 2;
      order.push_back(middle);
      gaps.emplace_back(low, middle);
      gaps.emplace_back(middle, high);
    }
  }
  return order;
}

using Questions = std::map<std::string, Question>;

/// The answered questions by what a token costs their models [FLOPs]; of equal ones the first.
std::map<double, const Questions::value_type*> answered(const Questions& questions) {
  std::map<double, const Questions::value_type*> by_flops;
  for (const auto& entry : questions) {
    if (entry.second.answer) {
      by_flops.emplace(entry.second.flops(), &entry);
    }
  }
  return by_flops;
}

/// The answered question whose model costs most nearly as much per token; of two that are as near
/// the first.
const Question& nearest(const std::map<double, const Questions::value_type*>& by_flops,
                        double flops) {
  const auto above = by_flops.lower_bound(flops);
  if (above == by_flops.begin()) {
    return above->second->second;
  }
  const auto below = std::prev(above);
  if (above == by_flops.end()) {
    return below->second->second;
  }
  const auto rank = [flops](const auto& entry) {
    return std::pair(std::abs(std::log(entry->first / flops)),
                     std::string_view(entry->second->first));
  };
  return (rank(above) < rank(below) ? above : below)->second->second;
}

}  // namespace

fs::path default_speed_cache() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache != nullptr && *cache == '/') {  // the specification: a relative path is invalid
    return fs::path(cache) / "flops-fit/speed.json";
  }
  return home != nullptr && *home != '\0' ? fs::path(home) / ".cache/flops-fit/speed.json"
                                          : fs::path();
}

std::string speed_key(const SpeedShape& shape, int64_t threads) {
  const cost::Architecture& a = shape.arch;
  return fmt::format(
      "{} | {} cores | flops-fit {} engine {} | d {} L {} h {} f {} V {} T {} | {} rows{}",
      cpu_model(),
      threads,
      version(),
      kSpeedRevision,
      a.d_model,
      a.num_layers,
      a.num_heads,
      a.d_ff,
      a.vocab_size,
      a.seq_len,
      shape.batch_rows,
      shape.norm_gains ? " | gains" : "");
}

Speeds training_speeds(std::span<const SpeedShape> shapes, const SpeedOptions& options) {
  // What fewer threads measure is not remembered as the speed of all cores.
  const int64_t threads =
      startable_threads(options.threads > 0 ? options.threads : allowed_cores());
  io::Json cache = read_cache(options.cache);
  Questions questions;
  std::vector<std::string> key_of;
  for (const SpeedShape& shape : shapes) {
    const SpeedShape small = stand_in(shape);
    key_of.push_back(speed_key(small, threads));
    questions.try_emplace(key_of.back(), Question{.shape = small});
  }
  std::vector<std::pair<double, std::string>> unknown;
  for (auto& [key, question] : questions) {
    if (const auto entry = cache.find(key); entry != cache.end()) {
      question.answer = {.train = entry->at("train_s_per_token").get<double>(),
                         .evaluate = entry->at("evaluate_s_per_token").get<double>()};
    } else {
      unknown.emplace_back(question.flops(), key);
    }
  }
  std::sort(unknown.begin(), unknown.end());

  Speeds speeds;
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  for (const size_t i : spread_order(unknown.size())) {
    if (speeds.measured > 0 && elapsed() > options.patience_s) {
      break;
    }
    Question& question = questions.at(unknown[i].second);
    question.answer = options.measure(question.shape, threads);
    cache[unknown[i].second] = {{"train_s_per_token", question.answer->train},
                                {"evaluate_s_per_token", question.answer->evaluate},
                                {"measured", utc_timestamp()}};
    ++speeds.measured;
  }
  speeds.estimated = static_cast<int64_t>(unknown.size()) - speeds.measured;
  if (speeds.measured > 0) {
    speeds.seconds = elapsed();
    write_cache(options.cache, cache);
  }
  const auto by_flops = answered(questions);
  for (size_t i = 0; i < shapes.size(); ++i) {
    const Question& own = questions.at(key_of[i]);
    const Question& used = own.answer ? own : nearest(by_flops, own.flops());
    speeds.of.push_back(scaled_to(shapes[i], used.shape, *used.answer));
  }
  return speeds;
}

}  // namespace ff::engine
