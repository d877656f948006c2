// SPDX-License-Identifier: MIT
#pragma once
// results.json, made anew from runs/*/result.json. Several ff-train may write it: each reads what
// the others have finished, and one writes at a time.
#include "flops_fit/io/json.h"
#include "flops_fit/io/results.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ff::run {

class ResultsFile {
 public:
  /// An experiment whose result counts if it is of this configuration.
  struct Entry {
    std::filesystem::path run_dir;
    std::string config_hash;
  };

  /// `entries` in the order that the file shall have, so that it does not depend on who finished
  /// first.
  ResultsFile(std::filesystem::path output, std::vector<Entry> entries);

  /// Writes what there is now, and beside it its provenance if it is given. Nothing does not
  /// replace an older file. False if another process has kept the file for itself for a minute
  /// (after a stop signal: two seconds). Throws StorageError, PathError, ResourceError.
  [[nodiscard]] bool write(const io::Json& provenance);
  /// The same, but no more than once in a few seconds, nor so often that writing takes the time.
  void write_soon();
  /// A result that its run folder cannot take stands in results.json all the same.
  void add_unsaved(const io::RunResult& result);
  /// What write() found.
  [[nodiscard]] std::vector<io::RunResult> results() const;

 private:
  /// Modification time and size of a result.json; what was read is read again if they change.
  using Stamp = std::pair<int64_t, int64_t>;
  struct Known {
    Entry entry;
    Stamp stamp;
    std::optional<io::RunResult> result;
    bool said_unreadable = false;
  };
  void refresh();
  /// False if another process writes all the time.
  bool write_within(int64_t patience_ms, const io::Json& provenance);

  std::filesystem::path output_;
  std::vector<Known> known_;
  std::map<std::string, io::RunResult> unsaved_;  ///< by experiment
  int64_t next_write_ms_ = INT64_MIN / 2;         ///< on the steady clock
};

}  // namespace ff::run
