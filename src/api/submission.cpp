// SPDX-License-Identifier: MIT
#include "flops_fit/api/submission.h"

#include "flops_fit/api/identity.h"
#include "flops_fit/io/json.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <sys/stat.h>
#include <utility>
#include <vector>

namespace ff::api {
namespace {

namespace fs = std::filesystem;
using State = Submission::State;

constexpr std::array<std::pair<State, const char*>, 3> kStates = {
    {{State::kSubmitting, "submitting"},
     {State::kSubmitted, "submitted"},
     {State::kEnded, "ended"}}};

constexpr const char* kRemedy = "or delete it to submit the run again (which may pay for it twice)";
constexpr const char* kReplaced = "replaced";  // beside runs/: what was in the way of other runs
/// One more for each call of ff-train that a failed run is submitted by.
constexpr int64_t kMostAttempts = 1'000'000;
constexpr int64_t kLatestTime = 253'402'300'799;  // the end of the year 9999

fs::path file_of(const fs::path& run_dir) {
  return run_dir / "api.json";
}

/// Whether both have one id of one service, whatever became of it there.
bool is_same_run(const Submission& a, const Submission& b) {
  return !a.id.empty() && a.id == b.id &&
         (a.service == b.service || a.service.empty() || b.service.empty());
}

/// The submissions below one output folder, by their ids. Files are read again only when they
/// changed, and all folders are looked through only now and then, as each of many runs asks; what
/// this process writes is known at once.
class Submissions {
 public:
  explicit Submissions(fs::path runs) : runs_(std::move(runs)) {}

  void look_at(const fs::path& run_dir) { static_cast<void>(submission_in(run_dir)); }

  /// Where the run that `mine` names belongs to another request; empty if nowhere.
  fs::path other_owner_of(const Submission& mine, const fs::path& self) {
    look_around();
    const auto [begin, end] = by_id_.equal_range(mine.id);
    const std::vector<std::pair<std::string, fs::path>> candidates(begin, end);
    for (const auto& [id, run_dir] : candidates) {
      const std::optional<Submission> other = submission_in(run_dir);
      if (run_dir != self && other && is_same_run(*other, mine) &&
          other->request_hash != mine.request_hash) {
        return run_dir;
      }
    }
    return {};
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// What was in an api.json, and when.
  struct Seen {
    std::array<int64_t, 3> stamp{};  ///< inode, time of the last change [ns], size
    std::optional<Submission> submission;
  };

  /// Takes no more than about a twentieth of the time.
  void look_around() {
    constexpr int kPause = 20;
    const auto start = Clock::now();
    if (start < next_) {
      return;
    }
    std::error_code failure;
    for (const fs::path& parent : {runs_, runs_.parent_path() / kReplaced}) {
      for (fs::directory_iterator entry(parent, failure);
           !failure && entry != fs::directory_iterator();
           entry.increment(failure)) {
        look_at(entry->path());
      }
    }
    const auto end = Clock::now();
    next_ = end + kPause * (end - start);
  }

  std::optional<Submission> submission_in(const fs::path& run_dir) {
    struct stat info {};
    const std::string path = file_of(run_dir).string();
    if (::stat(path.c_str(), &info) != 0) {
      known_.erase(path);
      return std::nullopt;
    }
    const std::array<int64_t, 3> stamp = {
        static_cast<int64_t>(info.st_ino),
        info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec,
        info.st_size};
    Seen& seen = known_[path];
    if (seen.stamp != stamp) {
      seen = {.stamp = stamp};
      try {
        seen.submission = read_submission(run_dir);
      } catch (const FileError&) {
        // Damaged: that is said when its own experiment comes.
      }
      if (seen.submission) {
        by_id_.emplace(seen.submission->id, run_dir);
      }
    }
    return seen.submission;
  }

  fs::path runs_;
  std::map<std::string, Seen> known_;
  std::multimap<std::string, fs::path> by_id_;  ///< also as they were once
  Clock::time_point next_;
};

/// The submissions that all threads of this process know of.
struct Shared {
  std::mutex mutex;
  std::map<fs::path, Submissions> by_runs_folder;
};
Shared& shared() {
  static Shared instance;
  return instance;
}

/// Calls `ask` with the submissions around a run's folder, and that folder's full path; one thread
/// at a time.
template <class Ask>
auto around(const fs::path& run_dir, const Ask& ask) {
  std::error_code failure;
  const fs::path self = fs::weakly_canonical(run_dir, failure);
  const fs::path runs = self.parent_path();
  Shared& all = shared();
  const std::lock_guard guard(all.mutex);
  return ask(all.by_runs_folder.try_emplace(runs, runs).first->second, self);
}

io::Json text_or_null(const std::string& text) {
  return text.empty() ? io::Json() : io::Json(text);
}

int64_t count_in(const io::ObjectReader& object, const char* key, int64_t least, int64_t most) {
  const int64_t count = object.integer(key);
  if (count < least || count > most) {
    throw error<FileError>(
        "{}.{}: expected a whole number from {} to {}, found {}; restore the file, {}.",
        object.where(),
        key,
        least,
        most,
        count,
        kRemedy);
  }
  return count;
}

State state_in(const io::ObjectReader& object) {
  const std::string text = object.text("state");
  for (const auto& [value, name] : kStates) {
    if (text == name) {
      return value;
    }
  }
  throw error<FileError>(
      "{}.state: {} is none of submitting, submitted, ended; restore the file, {}.",
      object.where(),
      io::shown(text),
      kRemedy);
}

}  // namespace

bool is_run_id(std::string_view id) {
  constexpr size_t kLongest = 200;
  return !id.empty() && id.size() <= kLongest && id != "." && id != ".." &&
         std::none_of(id.begin(), id.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

std::string Submission::idempotency_key() const {
  return attempt == 1 ? config_hash : fmt::format("{}-{}", config_hash, attempt);
}

void write_submission(const fs::path& run_dir, const Submission& submission) {
  const char* state = "";
  for (const auto& [value, name] : kStates) {
    if (value == submission.state) {
      state = name;
    }
  }
  io::Json json = {{"config_hash", submission.config_hash},
                   {"request_hash", submission.request_hash},
                   {"state", state},
                   {"id", text_or_null(submission.id)},
                   {"service", text_or_null(submission.service)},
                   {"attempt", submission.attempt},
                   {"submitted_at", submission.submitted_at}};
  json["checksum"] = io::checksum_of(json);
  io::write_json(file_of(run_dir), json);
  around(run_dir, [](Submissions& known, const fs::path& self) { known.look_at(self); });
}

std::optional<Submission> read_submission(const fs::path& run_dir) {
  const fs::path path = file_of(run_dir);
  std::error_code failure;
  if (!fs::exists(path, failure)) {
    return std::nullopt;
  }
  const io::Json json = io::read_json(path, kRemedy);
  const io::ObjectReader object(json, path.string());
  // Files of earlier versions have none.
  if (object.has("checksum") && object.text("checksum") != io::checksum_of(json)) {
    throw error<FileError>("{}: not what was written: its checksum differs; restore the file, {}.",
                           path.string(),
                           kRemedy);
  }
  Submission submission{.config_hash = object.hash("config_hash"),
                        .request_hash = object.hash("request_hash"),
                        .state = state_in(object),
                        .id = object.text_or("id", ""),
                        .service = service_url(object.text_or("service", "")),
                        .attempt = count_in(object, "attempt", 1, kMostAttempts),
                        .submitted_at = count_in(object, "submitted_at", 0, kLatestTime)};
  if (!submission.id.empty() && !is_run_id(submission.id)) {
    throw error<FileError>("{}.id: {} is no id of a run; restore the file, {}.",
                           path.string(),
                           io::shown(submission.id),
                           kRemedy);
  }
  if (submission.state == State::kSubmitted && submission.id.empty()) {
    throw error<FileError>(
        "{}.state: submitted without an id makes no sense; restore the file, {}.",
        path.string(),
        kRemedy);
  }
  return submission;
}

fs::path other_owner_of(const Submission& mine, const fs::path& run_dir) {
  return around(run_dir, [&](Submissions& known, const fs::path& self) {
    return known.other_owner_of(mine, self);
  });
}

}  // namespace ff::api
