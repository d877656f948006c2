// SPDX-License-Identifier: MIT
#pragma once
// results.json, made anew from runs/*/result.json. Several ff-train may write it: each reads what
// the others have finished, and one writes at a time.
#include "flops_fit/io/json.h"
#include "flops_fit/io/results.h"

#include <cstdint>
#include <filesystem>
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
  /// replace an older file. Throws StorageError.
  void write(const io::Json& provenance = nullptr);
  /// The same, but no more than once in a few seconds.
  void write_soon();
  /// What write() found.
  [[nodiscard]] std::vector<io::RunResult> results() const;

 private:
  /// Modification time and size of a result.json; what was read is read again if they change.
  using Stamp = std::pair<int64_t, int64_t>;
  struct Known {
    Entry entry;
    Stamp stamp;
    std::optional<io::RunResult> result;
  };
  void refresh();

  std::filesystem::path output_;
  std::vector<Known> known_;
  int64_t written_ms_ = INT64_MIN / 2;  ///< on the steady clock
};

}  // namespace ff::run
