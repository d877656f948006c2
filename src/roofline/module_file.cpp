// SPDX-License-Identifier: MIT
#include "flops_fit/roofline/module_file.h"

#include "flops_fit/cost/evaluate.h"
#include "flops_fit/io/json.h"
#include "flops_fit/util/paths.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace ff::roofline {
namespace {

namespace fs = std::filesystem;
using cost::Num;
using io::Json;

constexpr int64_t kProtocol = 1;

/// What all whole parameters are at one probe; truth values take turns.
constexpr std::array<int64_t, 8> kProbes = {1, 2, 3, 7, 8, 64, 1000, 4097};

std::vector<Num> probe_point(const cost::Module& module, size_t round) {
  std::vector<Num> out;
  for (size_t i = 0; i < module.parameters.size(); ++i) {
    const std::string& type = module.parameters[i].type;
    const int64_t base = kProbes[(round + (round >= kProbes.size() ? i : 0)) % kProbes.size()];
    if (type == "bool") {
      out.emplace_back(static_cast<int64_t>((round + i) % 2));
    } else if (type == "float") {
      out.push_back(Num(base) / 2);
    } else {
      out.emplace_back(base);
    }
  }
  return out;
}

std::string describe(const cost::Module& module, const std::vector<Num>& point) {
  std::string out;
  for (size_t i = 0; i < point.size(); ++i) {
    out += fmt::format(
        "{}{} = {}", out.empty() ? "" : ", ", module.parameters[i].name, point[i].to_string());
  }
  return out;
}

/// Keeps other processes with such a lock waiting. It is on the folder, as the file itself is
/// replaced by each that writes it.
class FolderLock {
 public:
  /// Throws Error if another process has it for as long as `patience`.
  FolderLock(const fs::path& folder, std::chrono::milliseconds patience) {
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (failure) {
      throw_system_error(folder, "create the folder", failure.value());
    }
    fd_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ < 0) {
      throw_system_error(folder, "open the folder", errno);
    }
    if (const int problem = wait_for_turn(folder, patience); problem != 0) {
      spdlog::warn(
          "{}: cannot be locked ({}); change the module database from one place at a time.",
          folder.string(),
          std::strerror(problem));
    }
  }
  ~FolderLock() { ::close(fd_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  /// 0, or the errno that says why there are no locks.
  int wait_for_turn(const fs::path& folder, std::chrono::milliseconds patience) const {
    using namespace std::chrono_literals;
    const auto start = std::chrono::steady_clock::now();
    bool said = false;
    while (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) {
        return errno;
      }
      const auto waited = std::chrono::steady_clock::now() - start;
      if (waited > patience) {
        ::close(fd_);
        throw error<Error>("{}: another process keeps it locked; try again once that has ended.",
                           folder.string());
      }
      if (waited > 1s && !std::exchange(said, true)) {
        spdlog::info("{}: waiting for another process that has locked it", folder.string());
      }
      std::this_thread::sleep_for(20ms);
    }
    return 0;
  }

  int fd_ = -1;
};

/// What the program writes to its stdout. Throws Error, saying what went wrong.
std::string answer_of(const AnalyzerOptions& options, const std::string& question) {
  constexpr size_t kMostBytes = size_t{1} << 20;
  const std::string& name = options.command.front();
  ForeignOutcome outcome = run_foreign({.command = options.command,
                                        .environment = options.environment,
                                        .input = question,
                                        .keeps_stderr = true,
                                        .timeout_s = options.timeout_s,
                                        .most_bytes = kMostBytes});
  switch (outcome.ending) {
    case ForeignOutcome::Ending::kNotStarted:
      throw error<Error>("cannot start {}: {}.", name, outcome.errors);
    case ForeignOutcome::Ending::kTooSlow:
      throw error<Error>("{} has not answered within {} s.", name, options.timeout_s);
    case ForeignOutcome::Ending::kTooMuch:
      throw error<Error>("{} has answered with more than 1 MiB.", name);
    case ForeignOutcome::Ending::kExited:
      break;
  }
  if (outcome.exit_code != 0) {
    throw error<Error>("{} has failed with exit code {}.", name, outcome.exit_code);
  }
  return std::move(outcome.output);
}

}  // namespace

cost::ModuleDb read_user_modules(const fs::path& path) {
  if (path.empty() || is_missing(path)) {
    return {};
  }
  return cost::ModuleDb::parse(io::read_json(path, ""), path.string());
}

void change_user_modules(const fs::path& path,
                         const std::function<void(cost::ModuleDb&)>& change,
                         std::chrono::milliseconds patience) {
  const FolderLock lock(path.has_parent_path() ? path.parent_path() : fs::path("."), patience);
  cost::ModuleDb db = read_user_modules(path);
  change(db);
  io::write_json(path, db.to_json());
}

void probe(const cost::Module& module, const cost::ModuleDb& db) {
  if (const auto formula = module.unfilled()) {
    throw error<FileError>("module {}: the formula {} is empty.", module.full_class_name, *formula);
  }
  for (size_t round = 0; round < 3 * kProbes.size(); ++round) {
    const std::vector<Num> point = probe_point(module, round);
    for (size_t i = 0; i < cost::kQuantities.size(); ++i) {
      try {
        const Num value = cost::evaluate_formula(db, module, i, point);
        if (value.is_negative()) {
          throw error<FileError>("module {}: {} is {}, less than nothing, at {}.",
                                 module.full_class_name,
                                 cost::kQuantities[i].key,
                                 value.to_string(),
                                 describe(module, point));
        }
      } catch (const cost::CountError& problem) {
        throw error<FileError>("{} (at {}).", problem.what(), describe(module, point));
      }
    }
  }
}

cost::Module ask_analyzer(const AnalyzerOptions& options,
                          const std::string& cls,
                          const std::vector<Instance>& instances,
                          const cost::ModuleDb& db) {
  const std::string name = fmt::format("{}", fmt::join(options.command, " "));
  Json question = {
      {"protocol", kProtocol},
      {"class", cls},
      {"instances", Json::array()},
      {"schema", cost::module_file_schema()["properties"]["modules"]["additionalProperties"]}};
  for (const Instance& instance : instances) {
    question["instances"].push_back({{"path", instance.path}, {"parameters", instance.parameters}});
  }
  const std::string answer = answer_of(options, io::json_text(question) + "\n");
  const std::string where = fmt::format("the answer of {}", name);
  Json entry;
  try {
    entry = io::parse_json(answer);
  } catch (const io::JsonError& problem) {
    throw error<FileError>("{}: line {}: {}.", where, problem.line(), problem.what());
  }
  cost::Module module = cost::parse_module(cost::key_of_class(cls), entry, where);
  if (module.full_class_name != cls) {
    throw error<FileError>(
        "{}: is about {}, and {} was asked for.", where, module.full_class_name, cls);
  }
  module.origin = "external:" + name;
  module.human_validated = false;
  cost::ModuleDb with = db;
  with.put(module);
  probe(module, with);
  return module;
}

}  // namespace ff::roofline
