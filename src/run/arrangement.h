// SPDX-License-Identifier: MIT
#pragma once
// Where the runs of a plan stand in an output folder, and what must be moved before the sweep goes
// on. A run is known by its config_hash, not by its folder's name: where a plan has grown, or a
// configuration is tried and left again, each run that was trained finds its new place. Nothing is
// ever removed: what is in the way goes to <output>/replaced/, from where it comes back when it is
// wanted again.
#include "flops_fit/io/results.h"
#include "flops_fit/io/sweep.h"

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::run {

/// An experiment of the plan and where its run belongs.
struct Place {
  io::Experiment experiment;
  std::filesystem::path run_dir;
  std::string config_hash;
  bool again = false;  ///< what was run is set aside, and run again (resume=false)
};

struct Arrangement {
  /// A run of the plan that stands in another folder.
  struct Move {
    std::filesystem::path from;
    size_t place = 0;
  };
  /// What stands where a run of the plan belongs, and is none of it.
  struct InTheWay {
    size_t place = 0;
    std::string what;         ///< for "3 of the experiments ..."
    std::string name;         ///< of its folder in replaced/
    bool checkpoint = false;  ///< unfinished work that nobody asked to give up
    bool stranger = false;    ///< no run of ours, so that nobody's lock is in it
  };
  std::vector<Move> moves;
  std::vector<InTheWay> in_the_way;
  std::vector<size_t> to_relabel;  ///< places whose result has another experiment's labels
  /// Per place: the result of its run, wherever it stands.
  std::vector<std::optional<io::RunResult>> results;

  [[nodiscard]] bool settled() const {
    return moves.empty() && in_the_way.empty() && to_relabel.empty();
  }
};

/// Looks, and touches nothing.
[[nodiscard]] Arrangement arrange(const std::filesystem::path& output,
                                  std::span<const Place> places);

/// Throws ConfigError if unfinished work is in the way (see run.replace).
void refuse_to_lose(const Arrangement& arrangement, std::span<const Place> places);

/// Says what carry_out() will do.
void announce(const Arrangement& arrangement, std::span<const Place> places);

/// Moves folders, each by one rename, so that a kill at any moment leaves each run whole, and the
/// next call goes on. What is in the way and cannot be moved stays, with a warning: that experiment
/// fails. Nobody else may be arranging the folder. Throws StorageError, PathError, and ConfigError
/// if somebody works in a folder that must be moved.
void carry_out(const Arrangement& arrangement,
               std::span<const Place> places,
               const std::filesystem::path& output,
               double lock_timeout_s);

}  // namespace ff::run
