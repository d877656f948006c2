// SPDX-License-Identifier: MIT
#include "flops_fit/api/submission.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <sys/stat.h>
#include <utility>

namespace ff::api {
namespace {

namespace fs = std::filesystem;
using State = Submission::State;

constexpr std::array<std::pair<State, const char*>, 3> kStates = {
    {{State::kSubmitting, "submitting"},
     {State::kSubmitted, "submitted"},
     {State::kEnded, "ended"}}};

std::filesystem::path file_of(const std::filesystem::path& run_dir) {
  return run_dir / "api.json";
}

/// What was in an api.json, and when.
struct Seen {
  std::array<int64_t, 3> stamp{};  ///< inode, time of the last change [ns], size
  std::optional<Submission> submission;
};

std::optional<Submission> look_at(const fs::path& run_dir, std::map<std::string, Seen>& known) {
  struct stat info {};
  const std::string path = file_of(run_dir).string();
  if (::stat(path.c_str(), &info) != 0) {
    known.erase(path);
    return std::nullopt;
  }
  const std::array<int64_t, 3> stamp = {static_cast<int64_t>(info.st_ino),
                                        info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec,
                                        info.st_size};
  const auto [at, is_new] = known.try_emplace(path);
  if (is_new || at->second.stamp != stamp) {
    at->second = {.stamp = stamp};
    try {
      at->second.submission = read_submission(run_dir);
    } catch (const FileError&) {
      // Damaged: that is said when its own experiment comes.
    }
  }
  return at->second.submission;
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

void write_submission(const std::filesystem::path& run_dir, const Submission& submission) {
  const char* state = "";
  for (const auto& [value, name] : kStates) {
    if (value == submission.state) {
      state = name;
    }
  }
  io::write_json(
      file_of(run_dir),
      {{"config_hash", submission.config_hash},
       {"request_hash", submission.request_hash},
       {"state", state},
       {"id", submission.id.empty() ? io::Json() : io::Json(submission.id)},
       {"service", submission.service.empty() ? io::Json() : io::Json(submission.service)},
       {"attempt", submission.attempt},
       {"submitted_at", submission.submitted_at}});
}

std::optional<Submission> read_submission(const std::filesystem::path& run_dir) {
  const std::filesystem::path path = file_of(run_dir);
  std::error_code failure;
  if (!std::filesystem::exists(path, failure)) {
    return std::nullopt;
  }
  const char* remedy = "or delete it to submit the run again (which may pay for it twice)";
  const io::Json json = io::read_json(path, remedy);
  const io::ObjectReader object(json, path.string());
  Submission submission{.config_hash = object.hash("config_hash"),
                        .request_hash = object.hash("request_hash"),
                        .id = object.text_or("id", ""),
                        .service = object.text_or("service", ""),
                        .attempt = object.integer("attempt"),
                        .submitted_at = object.integer("submitted_at")};
  if (!submission.id.empty() && !is_run_id(submission.id)) {
    throw error<FileError>("{}.id: {} is no id of a run; restore the file, {}.",
                           path.string(),
                           io::shown(submission.id),
                           remedy);
  }
  const std::string state = object.text("state");
  for (const auto& [value, name] : kStates) {
    if (state == name && (value != State::kSubmitted || !submission.id.empty())) {
      submission.state = value;
      return submission;
    }
  }
  throw error<FileError>("{}: state {}{} makes no sense; restore the file, {}.",
                         path.string(),
                         io::shown(state),
                         submission.id.empty() ? " without an id" : "",
                         remedy);
}

std::string other_owner_of(const Submission& mine, const std::filesystem::path& run_dir) {
  // Files are read again only when they changed: this is asked once for each of many runs.
  static std::mutex mutex;
  static std::map<std::string, Seen> known;
  const std::lock_guard guard(mutex);
  std::error_code failure;
  const fs::path self = fs::weakly_canonical(run_dir, failure);
  for (const auto& entry : fs::directory_iterator(self.parent_path(), failure)) {
    if (entry.path() == self) {
      continue;
    }
    const auto other = look_at(entry.path(), known);
    if (other && other->state == State::kSubmitted && other->id == mine.id &&
        (other->service == mine.service || other->service.empty() || mine.service.empty()) &&
        other->request_hash != mine.request_hash) {
      return entry.path().filename().string();
    }
  }
  return "";
}

}  // namespace ff::api
