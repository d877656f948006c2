// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/checks.h"
#include "flops_fit/io/counting.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

namespace ff::analysis {
namespace {

/// "31 of 0.1.0, 4 of 0.2.0 and 2 of none": the largest groups first, three of them by name.
std::string groups_text(const std::map<std::string, size_t>& counts) {
  constexpr size_t kNamed = 3;
  std::vector<std::pair<std::string, size_t>> groups(counts.begin(), counts.end());
  std::stable_sort(groups.begin(), groups.end(), [](const auto& left, const auto& right) {
    return left.second > right.second;
  });
  std::string text;
  for (size_t i = 0; i < std::min(groups.size(), kNamed); ++i) {
    text += fmt::format("{}{} of {}",
                        i == 0 ? "" : ", ",
                        groups[i].second,
                        groups[i].first.empty() ? "none that is named" : groups[i].first);
  }
  if (groups.size() > kNamed) {
    size_t rest = 0;
    for (size_t i = kNamed; i < groups.size(); ++i) {
      rest += groups[i].second;
    }
    text += fmt::format(", {} of {} more", rest, groups.size() - kNamed);
  }
  return text;
}

/// How many results have each value. Those without one make a group of their own beside others.
template <class Field>
std::map<std::string, size_t> count_by(std::span<const io::RunResult* const> results,
                                       const Field& field) {
  std::map<std::string, size_t> counts;
  for (const io::RunResult* result : results) {
    ++counts[field(*result)];
  }
  return counts;
}

/// As count_by(), where a result without a value is none of the groups.
template <class Field>
std::map<std::string, size_t> count_named(std::span<const io::RunResult* const> results,
                                          const Field& field) {
  std::map<std::string, size_t> counts = count_by(results, field);
  counts.erase("");
  return counts;
}

/// "cuda:0" and "cuda:1" are one kind of device.
std::string device_kind(const io::RunResult& result) {
  return result.device.substr(0, result.device.find(':'));
}

/// Two programs may count or train differently: of two versions, or of two builds of one.
void check_versions(std::span<const io::RunResult* const> results,
                    std::vector<std::string>& warnings) {
  const auto versions = count_by(results, [](const io::RunResult& r) { return r.version; });
  if (versions.size() > 1) {
    warnings.push_back(
        fmt::format("The results are of {} versions of flops-fit ({}), which may train or count "
                    "differently: train all by one, or keep one with input.filter=\"version=...\".",
                    versions.size(),
                    groups_text(versions)));
    return;
  }
  const auto commits = count_named(results, [](const io::RunResult& r) { return r.git_commit; });
  if (commits.size() > 1) {
    warnings.push_back(
        fmt::format("The results are of {} builds of flops-fit ({}), between which what is trained "
                    "may have changed; git log says.",
                    commits.size(),
                    groups_text(commits)));
  }
}

void check_mixed(const char* what,
                 const std::map<std::string, size_t>& counts,
                 std::vector<std::string>& warnings) {
  if (counts.size() > 1) {
    std::string parts;
    for (const auto& [value, count] : counts) {
      parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", count, value);
    }
    warnings.push_back(fmt::format(
        "The runs mix {} ({}); their losses may differ for that reason alone.", what, parts));
  }
}

/// Results of several plans may be fitted together, but not what they count differently.
void check_counting(std::span<const io::RunResult* const> results,
                    std::vector<std::string>& warnings) {
  const auto sizes =
      count_named(results, [](const io::RunResult& r) { return size_counted_as(r); });
  if (sizes.size() > 1) {
    warnings.push_back(
        fmt::format("The runs count N in {} ways ({}): the law is of a mixture, and holds for none "
                    "of them; plan and train all with one model.count.",
                    sizes.size(),
                    groups_text(sizes)));
  }
  const auto costs =
      count_named(results, [](const io::RunResult& r) { return flops_counted_as(r); });
  if (costs.size() > 1) {
    warnings.push_back(fmt::format(
        "The runs count their FLOPs in {} ways ({}), exactly or as 6 N D; plan all with "
        "one compute.flops_formula, and train them in one mode.",
        costs.size(),
        groups_text(costs)));
  }
}

}  // namespace

std::vector<std::string> check_origin(std::span<const io::RunResult* const> results) {
  std::vector<std::string> warnings;
  check_versions(results, warnings);
  check_mixed(
      "engines", count_named(results, [](const io::RunResult& r) { return r.engine; }), warnings);
  check_mixed(
      "dtypes", count_named(results, [](const io::RunResult& r) { return r.dtype; }), warnings);
  check_mixed("devices", count_named(results, device_kind), warnings);
  check_counting(results, warnings);
  const auto hosts = count_named(results, [](const io::RunResult& r) { return r.host; });
  if (hosts.size() > 1) {
    warnings.push_back(
        fmt::format("The results are of {} hosts ({}): their times differ, and between processors "
                    "of different kinds the last digits of the losses.",
                    hosts.size(),
                    groups_text(hosts)));
  }
  return warnings;
}

}  // namespace ff::analysis
