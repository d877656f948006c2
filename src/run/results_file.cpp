// SPDX-License-Identifier: MIT
#include "results_file.h"

#include "output_folder.h"
#include "run_folder.h"

#include "flops_fit/io/provenance.h"
#include "flops_fit/util/error.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ff::run {
namespace {

constexpr int64_t kWriteEveryMs = 2000;

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Holds one process after the other; ends with the scope.
class Turn {
 public:
  explicit Turn(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (fd_ < 0) {
      throw error<StorageError>("{}: cannot open: {}.", path.string(), std::strerror(errno));
    }
    while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~Turn() { ::close(fd_); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  int fd_;
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
    if (stamp != known.stamp) {
      known.stamp = stamp;
      known.result = find_result(known.entry.run_dir, known.entry.config_hash);
    }
  }
}

void ResultsFile::write(const io::Json& provenance) {
  const Turn turn(output_ / "runs" / ".results.lock");
  remove_torn(output_);  // only who has the turn writes here
  refresh();
  const std::filesystem::path path = output_ / "results.json";
  const std::vector<io::RunResult> found = results();
  if (found.empty() && std::filesystem::exists(path)) {
    return;  // a call that came to nothing, by a wrong configuration say, takes nothing away
  }
  io::write_results(path, found);
  if (!provenance.is_null()) {
    io::write_json(io::provenance_path(path), provenance);
  }
  written_ms_ = now_ms();
}

void ResultsFile::write_soon() {
  if (now_ms() - written_ms_ >= kWriteEveryMs) {
    write();
  }
}

std::vector<io::RunResult> ResultsFile::results() const {
  std::vector<io::RunResult> results;
  for (const Known& known : known_) {
    if (known.result) {
      results.push_back(*known.result);
    }
  }
  return results;
}

}  // namespace ff::run
