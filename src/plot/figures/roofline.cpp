// SPDX-License-Identifier: MIT
// The roofline of a machine and where a model's operators lie under it.
#include "flops_fit/plot/figures.h"
#include "flops_fit/plot/markup.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace ff::plot {
namespace {

/// Operators of less time share one entry of the legend.
constexpr double kNamedShare = 0.02;
constexpr size_t kMostNames = 10;

/// The last `parts` parts of a path; of layers that come in kinds ("layers[dense]") only what
/// follows.
std::string tail(const std::string& path, int parts) {
  size_t from = path.size();
  while (parts-- > 0 && from != std::string::npos && from > 0) {
    from = path.rfind('.', from - 1);
  }
  const std::string out = from == std::string::npos || from == 0 ? path : path.substr(from + 1);
  const size_t kind = out.find("].");
  return kind == std::string::npos ? out : out.substr(kind + 2);
}

/// What an operator is called in the legend: the last part of its path, with the one before where
/// that names operators of several places.
class Names {
 public:
  explicit Names(const io::TimedModel& timed) {
    for (const io::TimedOperator& op : timed.operators) {
      places_[tail(op.path, 1)].insert(tail(op.path, 2));
    }
  }
  [[nodiscard]] std::string of(const std::string& path) const {
    return tail(path, places_.at(tail(path, 1)).size() > 1 ? 2 : 1);
  }

 private:
  std::map<std::string, std::set<std::string>> places_;
};

/// Operators that lie so near to each other that their points cannot be told apart.
struct Group {
  std::vector<std::string> names;
  double seconds = 0.0;
  std::vector<double> intensity, speed;
  std::string paths;  ///< for the data file
};

/// By time, longest first.
std::vector<Group> groups_of(const io::TimedModel& timed) {
  const Names names(timed);
  std::vector<Group> out;
  for (const io::TimedOperator& op : timed.operators) {
    if (op.flops <= 0 || op.bytes <= 0 || op.seconds <= 0) {
      continue;  // no place on logarithmic axes
    }
    const double intensity = op.flops / op.bytes;
    const double speed = op.flops / op.seconds;
    const auto near = [](double a, double b) { return std::abs(a - b) < 0.01 * b; };
    auto group = std::find_if(out.begin(), out.end(), [&](const Group& g) {
      return near(g.intensity.front(), intensity) && near(g.speed.front(), speed);
    });
    if (group == out.end()) {
      out.emplace_back();
      group = std::prev(out.end());
    }
    group->intensity.push_back(intensity);
    group->speed.push_back(speed);
    group->seconds += op.seconds;
    group->paths += (group->paths.empty() ? "" : " ") + op.path;
    const std::string name = names.of(op.path);
    if (std::find(group->names.begin(), group->names.end(), name) == group->names.end()) {
      group->names.push_back(name);
    }
  }
  std::stable_sort(
      out.begin(), out.end(), [](const Group& a, const Group& b) { return a.seconds > b.seconds; });
  return out;
}

/// "q_proj, o_proj and 3 more": as many as the narrowest legend has room for.
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kRoom = 30;
  std::string out = names.front();
  size_t count = 1;
  while (count < names.size() && out.size() + 2 + names[count].size() <= kRoom) {
    out += ", " + names[count++];
  }
  return count < names.size() ? fmt::format("{} and {} more", out, names.size() - count) : out;
}

/// The operators as points; those of little time together, and under the others.
std::vector<Series> points_of(const std::vector<Group>& groups, double seconds) {
  const auto named =
      static_cast<size_t>(std::count_if(groups.begin(), groups.end(), [&](const Group& group) {
        return group.seconds >= kNamedShare * seconds;
      }));
  const size_t names = std::clamp<size_t>(named, 1, kMostNames);
  std::vector<Series> out;
  Series others{.legend = "others", .role = Role::kReference};
  for (size_t i = names; i < groups.size(); ++i) {
    others.x.insert(others.x.end(), groups[i].intensity.begin(), groups[i].intensity.end());
    others.y.insert(others.y.end(), groups[i].speed.begin(), groups[i].speed.end());
    others.note += (others.note.empty() ? "" : " ") + groups[i].paths;
  }
  if (!others.x.empty()) {
    out.push_back(std::move(others));
  }
  for (size_t i = 0; i < names; ++i) {
    const Group& group = groups[i];
    out.push_back(
        {.legend = fmt::format(
             "{}: {:.0f}%", literal(listed(group.names)), 100 * group.seconds / seconds),
         .x = group.intensity,
         .y = group.speed,
         .shade = names == 1 ? 0.0 : static_cast<double>(i) / static_cast<double>(names - 1),
         .note = group.paths});
  }
  return out;
}

}  // namespace

Drawing roofline(const FigureInputs& inputs) {
  if (!inputs.timed_model) {
    return NotDrawn{"it shows a timing; give one with roofline=FILE"};
  }
  const io::TimedModel& timed = *inputs.timed_model;
  const std::vector<Group> groups = groups_of(timed);
  if (groups.empty()) {
    return NotDrawn{"no operator of the timing has FLOPs"};
  }
  const double ridge = timed.flops_per_s / timed.bytes_per_s;
  double left = ridge / 10;
  double right = ridge * 10;
  for (const Group& group : groups) {
    left = std::min(left, group.intensity.front() / 2);
    right = std::max(right, group.intensity.front() * 2);
  }
  Panel panel{.title = literal(timed.model),
              .x = {"Operational intensity [FLOP per byte]", true, Numbers::kPlain},
              .y = {"Speed [FLOP/s]", true, Numbers::kPowers}};
  panel.series.push_back(
      {.legend = fmt::format(
           "{} FLOP/s, {}B/s", format_count(timed.flops_per_s), format_count(timed.bytes_per_s)),
       .role = Role::kLaw,
       .shape = Shape::kLine,
       .x = {left, ridge, right},
       .y = {left * timed.bytes_per_s, timed.flops_per_s, timed.flops_per_s}});
  panel.series.push_back({.legend = fmt::format("ridge: {:.3g} FLOP per byte", ridge),
                          .role = Role::kOptimum,
                          .x = {ridge},
                          .y = {timed.flops_per_s},
                          .note = "ridge"});
  for (Series& points : points_of(groups, timed.seconds)) {
    panel.series.push_back(std::move(points));
  }
  return Figure{
      .name = "roofline",
      .title = fmt::format("{} on {}", literal(timed.model), literal(timed.machine)),
      .caption =
          "The machine's roofline, and the operators of the model under it: left of the ridge "
          "memory is the bound, right of it arithmetic. Percentages are shares of the time. "
          "Operators "
          "without FLOPs are not shown.",
      .panels = {std::move(panel)}};
}

}  // namespace ff::plot
