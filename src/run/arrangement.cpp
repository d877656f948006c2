// SPDX-License-Identifier: MIT
#include "arrangement.h"

#include "move_folder.h"
#include "run_folder.h"
#include "sweep_guard.h"

#include "flops_fit/run/run_lock.h"
#include "flops_fit/util/error.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <set>

namespace ff::run {
namespace {

namespace fs = std::filesystem;

/// Folders that carry_out() was moving when it was killed.
constexpr std::string_view kMoving = ".moving-";
constexpr const char* kReplaced = "replaced";

bool is_trained(const FolderContent& content) {
  return content.result && (content.result->completed() || content.result->status == io::kDiverged);
}

/// "3 of the experiments ..."
std::string describe(const FolderContent& content) {
  const std::string elsewhere = " under another configuration or plan, which does not count";
  if (is_trained(content)) {
    return (content.result->completed() ? "were completed" : "diverged") + elsewhere;
  }
  if (content.checkpoint) {
    return "were begun" + elsewhere;
  }
  if (content.submitted) {
    return "were submitted to a service" + elsewhere;
  }
  return content.config_hash.empty()
             ? "have something in their place that ff-train did not put there"
             : "were tried" + elsewhere;
}

/// How much is lost without it: completed runs first, then diverged ones, then unfinished work.
int worth(const FolderContent& content) {
  if (is_trained(content)) {
    return content.result->completed() ? 4 : 3;
  }
  return content.checkpoint ? 2 : content.submitted ? 1 : 0;
}

/// The folders that may hold a run of the plan besides the places themselves.
std::vector<fs::path> other_folders(const fs::path& output, std::span<const Place> places) {
  std::set<fs::path> known;
  for (const Place& place : places) {
    known.insert(place.run_dir);
  }
  std::vector<fs::path> folders;
  for (const fs::path& parent : {output / "runs", output / kReplaced}) {
    std::error_code none;
    for (fs::directory_iterator entry(parent, none); !none && entry != fs::directory_iterator();
         entry.increment(none)) {
      if (!known.contains(entry->path()) && !is_remnant(entry->path())) {
        folders.push_back(entry->path());
      }
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

struct Candidate {
  fs::path folder;
  FolderContent content;
};

/// Finds the runs of places that have none, in folders where they are not looked for.
class Search {
 public:
  void want(size_t place, const std::string& config_hash) { wanted_.emplace(config_hash, place); }
  [[nodiscard]] bool empty() const { return wanted_.empty(); }

  void offer(Candidate candidate) {
    if (worth(candidate.content) == 0 || !wanted_.contains(candidate.content.config_hash)) {
      return;
    }
    offered_.push_back(std::move(candidate));
  }

  /// The best folder for each place, each folder once.
  std::vector<std::pair<size_t, Candidate>> matches() {
    std::stable_sort(offered_.begin(), offered_.end(), [](const Candidate& a, const Candidate& b) {
      return worth(a.content) > worth(b.content);
    });
    std::vector<std::pair<size_t, Candidate>> found;
    for (Candidate& candidate : offered_) {
      const auto place = wanted_.find(candidate.content.config_hash);
      if (place != wanted_.end()) {
        found.emplace_back(place->second, std::move(candidate));
        wanted_.erase(place);
      }
    }
    return found;
  }

 private:
  std::multimap<std::string, size_t> wanted_;
  std::vector<Candidate> offered_;
};

/// Names up to three of the places, and counts the rest.
std::string listed(std::span<const Place> places, const std::vector<size_t>& which) {
  constexpr size_t kNamed = 3;
  std::string text;
  for (size_t i = 0; i < std::min(kNamed, which.size()); ++i) {
    text += (i == 0 ? "" : ", ") + places[which[i]].experiment.experiment_id;
  }
  return which.size() > kNamed ? fmt::format("{} and {} more", text, which.size() - kNamed) : text;
}

/// Makes sure that nobody works in the folder; a lock left by a dead owner goes.
void wait_until_free(const fs::path& folder, double timeout_s) {
  LockAttempt attempt(folder / kLockFile, timeout_s);
  if (const auto owner = wait_for_lock(attempt, timeout_s); !owner.lock) {
    throw error<ConfigError>("{}: another ff-train is at work in it ({}); wait until it has ended.",
                             folder.string(),
                             owner.other.text());
  }
}

void set_aside(const Place& place, const fs::path& wanted) {
  const fs::path target = free_name(wanted);
  move_folder(place.run_dir, target);
  spdlog::info("{}: what was there is now {}", place.experiment.experiment_id, target.string());
}

void relabel_in(const Place& place) {
  std::optional<io::RunResult> result;
  try {
    result = read_result(place.run_dir);
  } catch (const FileError&) {
    return;  // as if there were none
  }
  if (result) {
    relabel(*result, place.experiment);
    result->config_hash = place.config_hash;
    write_result(place.run_dir, *result);
  }
}

}  // namespace

Arrangement arrange(const fs::path& output, std::span<const Place> places) {
  Arrangement found;
  found.results.resize(places.size());
  Search search;
  std::vector<std::pair<size_t, FolderContent>> others;
  for (size_t i = 0; i < places.size(); ++i) {
    FolderContent content = read_content(places[i].run_dir);
    if (!content.blocked.empty()) {
      continue;  // whoever wants to run it will say so
    }
    const bool ours = !content.nothing && content.config_hash == places[i].config_hash;
    if (ours && !places[i].again) {
      if (content.result) {
        const bool differs = relabel(*content.result, places[i].experiment) || content.older_hash;
        if (differs && is_trained(content)) {
          found.to_relabel.push_back(i);
        }
        found.results[i] = std::move(content.result);
      }
      continue;
    }
    if (!places[i].again) {
      search.want(i, places[i].config_hash);
    }
    if (!content.nothing) {
      others.emplace_back(i, std::move(content));
    }
  }
  if (!search.empty()) {
    for (const auto& [place, content] : others) {
      search.offer({places[place].run_dir, content});
    }
    for (const fs::path& folder : other_folders(output, places)) {
      search.offer({folder, read_content(folder)});
    }
  }
  std::set<fs::path> leaving;
  for (auto& [place, candidate] : search.matches()) {
    leaving.insert(candidate.folder);
    if (is_trained(candidate.content)) {
      found.results[place] = std::move(candidate.content.result);
      relabel(*found.results[place], places[place].experiment);
    }
    found.moves.push_back({.from = std::move(candidate.folder), .place = place});
  }
  for (const auto& [place, content] : others) {
    if (!leaving.contains(places[place].run_dir)) {
      const bool ours = content.config_hash == places[place].config_hash;
      found.in_the_way.push_back(
          {.place = place,
           .what = ours ? "were run before, and resume=false runs them again" : describe(content),
           .name = fmt::format("{}-{}",
                               places[place].experiment.experiment_id,
                               content.config_hash.empty() ? "unknown" : content.config_hash),
           .checkpoint = content.checkpoint && !is_trained(content) && !ours,
           .stranger = content.config_hash.empty()});
    }
  }
  return found;
}

void refuse_to_lose(const Arrangement& arrangement, std::span<const Place> places) {
  std::vector<size_t> unfinished;
  for (const Arrangement::InTheWay& one : arrangement.in_the_way) {
    if (one.checkpoint) {
      unfinished.push_back(one.place);
    }
  }
  if (!unfinished.empty()) {
    throw error<ConfigError>(
        "{} hold{} unfinished runs of another configuration or plan, with their checkpoints; go on "
        "with the configuration that they were started with, give another output_dir, or set "
        "run.replace=true to move them to {}/ (where they are found again by the configuration "
        "that they belong to).",
        listed(places, unfinished),
        unfinished.size() == 1 ? "s" : "",
        kReplaced);
  }
}

void announce(const Arrangement& arrangement, std::span<const Place> places) {
  std::map<std::string, std::vector<size_t>> by_kind;
  for (const Arrangement::InTheWay& one : arrangement.in_the_way) {
    by_kind[one.what].push_back(one.place);
  }
  for (const auto& [what, which] : by_kind) {
    spdlog::warn("{} of the experiments {}; what is there is moved to {}/ beside runs/ ({}).",
                 which.size(),
                 what,
                 kReplaced,
                 listed(places, which));
  }
  if (!arrangement.moves.empty()) {
    std::vector<size_t> which;
    for (const Arrangement::Move& move : arrangement.moves) {
      which.push_back(move.place);
    }
    spdlog::info(
        "{} of the experiments were run under another name or set aside before; they are "
        "kept, and their folders moved ({}).",
        which.size(),
        listed(places, which));
  }
}

void carry_out(const Arrangement& arrangement,
               std::span<const Place> places,
               const fs::path& output,
               double lock_timeout_s) {
  // Out of all places first, as runs may have changed places with one another.
  std::vector<std::pair<fs::path, size_t>> moving;
  for (const Arrangement::Move& move : arrangement.moves) {
    wait_until_free(move.from, lock_timeout_s);
    const Place& place = places[move.place];
    const fs::path between =
        free_name(output / "runs" / (std::string(kMoving) + place.experiment.experiment_id));
    move_folder(move.from, between);
    moving.emplace_back(between, move.place);
  }
  for (const Arrangement::InTheWay& one : arrangement.in_the_way) {
    const Place& place = places[one.place];
    try {
      if (!one.stranger) {
        wait_until_free(place.run_dir, lock_timeout_s);
      }
      set_aside(place, output / kReplaced / one.name);
    } catch (const PathError& problem) {
      spdlog::warn("{} {} cannot be run.", problem.what(), place.experiment.experiment_id);
    }
  }
  for (const auto& [between, index] : moving) {
    const Place& place = places[index];
    std::error_code occupied;
    fs::remove(place.run_dir / kLockFile, occupied);
    fs::remove(place.run_dir, occupied);  // only if it is empty
    if (fs::exists(place.run_dir, occupied)) {
      set_aside(place, output / kReplaced / (place.experiment.experiment_id + "-unknown"));
    }
    move_folder(between, place.run_dir);
    relabel_in(place);
  }
  for (const size_t place : arrangement.to_relabel) {
    relabel_in(places[place]);
  }
}

}  // namespace ff::run
