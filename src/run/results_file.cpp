// SPDX-License-Identifier: MIT
#include "results_file.h"

#include "run_folder.h"

#include "flops_fit/io/provenance.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace ff::run {
namespace {

constexpr int64_t kWriteEveryMs = 2000;
/// Writing takes no more than about this share of the time.
constexpr int64_t kWritingShare = 20;
constexpr int64_t kPatienceMs = 60'000;
constexpr int64_t kPatienceWhenStoppingMs = 2000;

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Holds one process after the other; ends with the scope.
class Turn {
 public:
  /// Waits so long that it is ours; after a stop signal not much longer.
  Turn(const std::filesystem::path& path, int64_t patience_ms)
      : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666)) {
    if (fd_ < 0) {
      throw_system_error(path, errno == ELOOP ? "write through a symbolic link" : "open", errno);
    }
    const int64_t start = now_ms();
    while (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      const int problem = errno;
      if (problem != EWOULDBLOCK && problem != EINTR) {
        ::close(fd_);
        throw_system_error(path, "lock", problem);
      }
      const int64_t patience =
          stop_signal() == 0 ? patience_ms : std::min(patience_ms, kPatienceWhenStoppingMs);
      if (now_ms() - start >= patience) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    held_ = true;
  }
  ~Turn() { ::close(fd_); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  [[nodiscard]] bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

}  // namespace

ResultsFile::ResultsFile(std::filesystem::path output, std::vector<Entry> entries)
    : output_(std::move(output)) {
  for (Entry& entry : entries) {
    known_.push_back({.entry = std::move(entry)});
  }
}

void ResultsFile::refresh() {
  for (Known& known : known_) {
    struct stat info {};
    const bool there = ::stat((known.entry.run_dir / kResultFile).c_str(), &info) == 0;
    const Stamp stamp =
        there ? Stamp(info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_size)
              : Stamp();
    if (stamp == known.stamp) {
      continue;
    }
    try {
      known.result = find_result(known.entry.run_dir, known.entry.config_hash);
      known.stamp = stamp;
    } catch (const UnreadableError& problem) {
      if (!std::exchange(known.said_unreadable, true)) {
        spdlog::warn("{} results.json is without it.", problem.what());
      }
    }
  }
}

bool ResultsFile::write(const io::Json& provenance) {
  return write_within(kPatienceMs, provenance);
}

void ResultsFile::write_soon() {
  if (now_ms() >= next_write_ms_) {
    static_cast<void>(write_within(0, nullptr));  // whoever writes now, writes ours, too
  }
}

bool ResultsFile::write_within(int64_t patience_ms, const io::Json& provenance) {
  const Turn turn(output_ / "runs" / ".results.lock", patience_ms);
  if (!turn.held()) {
    return false;
  }
  const int64_t start = now_ms();
  remove_dead_temporaries(output_);
  refresh();
  const std::filesystem::path path = output_ / "results.json";
  const std::vector<io::RunResult> found = results();
  std::error_code unreadable;
  if (found.empty() && std::filesystem::exists(path, unreadable)) {
    return true;  // a call that came to nothing, by a wrong configuration say, takes nothing away
  }
  io::write_results(path, found);
  if (!provenance.is_null()) {
    io::write_json(io::provenance_path(path), provenance);
  }
  const int64_t end = now_ms();
  next_write_ms_ = end + std::max(kWriteEveryMs, kWritingShare * (end - start));
  return true;
}

void ResultsFile::add_unsaved(const io::RunResult& result) {
  unsaved_.insert_or_assign(result.experiment_id, result);
}

std::vector<io::RunResult> ResultsFile::results() const {
  std::vector<io::RunResult> results;
  for (const Known& known : known_) {
    const auto unsaved = unsaved_.find(known.entry.run_dir.filename().string());
    if (known.result) {
      results.push_back(*known.result);
    } else if (unsaved != unsaved_.end()) {
      results.push_back(unsaved->second);
    }
  }
  return results;
}

}  // namespace ff::run
