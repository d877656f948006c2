// SPDX-License-Identifier: MIT
#include "candidates.h"

#include "flops_fit/util/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace ff::analysis {
namespace {

constexpr double kOutlierDeviations = 5.0;
constexpr double kLeastOutlier = 2e-3;  // of the loss: in data without noise nothing is an outlier
constexpr double kMadToSigma = 1.4826;

const Candidate* find(std::span<const Candidate> candidates, std::string_view name) {
  const auto found = std::find_if(candidates.begin(), candidates.end(), [name](const auto& c) {
    return c.entry->name == name;
  });
  return found == candidates.end() ? nullptr : &*found;
}

/// "vp, huber: 4 runs; 5 parameters need at least 6; quadratic: ...".
std::string reasons_of(std::span<const Candidate> candidates, int from) {
  std::vector<std::pair<std::string, std::string>> reasons;  // names, status
  for (const Candidate& candidate : candidates) {
    if (candidate.fit.usable() || candidate.entry->fallback < from ||
        candidate.entry->fallback == kNoFallback) {
      continue;
    }
    const auto same = std::find_if(reasons.begin(), reasons.end(), [&](const auto& reason) {
      return reason.second == candidate.fit.status;
    });
    if (same == reasons.end()) {
      reasons.emplace_back(candidate.entry->name, candidate.fit.status);
    } else {
      same->first += fmt::format(", {}", candidate.entry->name);
    }
  }
  std::string text;
  for (const auto& [names, status] : reasons) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", names, status);
  }
  return text;
}

}  // namespace

std::vector<size_t> outliers(std::span<const Candidate> candidates, std::span<const Point> points) {
  const Candidate* by = nullptr;
  for (const char* name : {"vp", "huber"}) {  // huber last: it does not follow outliers
    const Candidate* candidate = find(candidates, name);
    by = candidate != nullptr && candidate->fit.usable() ? candidate : by;
  }
  if (by == nullptr) {
    return {};
  }
  std::vector<double> sizes;
  for (const Point& point : points) {
    sizes.push_back(std::abs(std::log(point.loss / (*by->fit.surface)(point.n, point.d))));
  }
  // Five parameters make five residuals of huber vanish, which say nothing of the scatter.
  constexpr size_t kVanishing = 5;
  std::vector<double> sorted = sizes;
  std::sort(sorted.begin(), sorted.end());
  const size_t middle = (sorted.size() + std::min(kVanishing, sorted.size() - 1)) / 2;
  const double limit = std::max(kLeastOutlier, kOutlierDeviations * kMadToSigma * sorted[middle]);
  std::vector<size_t> far;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] > limit) {
      far.push_back(i);
    }
  }
  return far;
}

Headline choose_headline(std::span<const Candidate> candidates,
                         const std::string& method,
                         bool has_outliers,
                         std::vector<std::string>& warnings) {
  Headline headline;
  headline.requested = method != "auto" ? method : has_outliers ? "huber" : "vp";
  const EstimatorEntry* requested = find_estimator(headline.requested);
  if (requested == nullptr) {
    throw error<ConfigError>("fitting.method: there is no estimator \"{}\".", method);
  }
  const Candidate* asked = find(candidates, requested->name);
  if (asked->fit.usable()) {
    if (!asked->fit.n_law) {
      throw error<ConfigError>(
          "fitting.method: {} says nothing of the optimal N and D; choose vp, huber or quadratic.",
          method);
    }
    headline.candidate = asked;
    return headline;
  }
  // Any other certified estimator answers better than none: first those after it, then the rest.
  const auto order = [&](const Candidate& candidate) {
    const int place = candidate.entry->fallback;
    return place > requested->fallback ? place : place + kNoFallback;
  };
  for (const Candidate& candidate : candidates) {
    if (candidate.fit.usable() && candidate.entry->fallback != kNoFallback &&
        (headline.candidate == nullptr || order(candidate) < order(*headline.candidate))) {
      headline.candidate = &candidate;
    }
  }
  const std::string asked_reason = fmt::format("{}: {}", requested->name, asked->fit.status);
  if (headline.candidate == nullptr) {
    std::string only_if_asked;
    for (const Candidate& candidate : candidates) {
      if (candidate.fit.usable() && candidate.fit.n_law) {
        only_if_asked +=
            fmt::format("{}{}", only_if_asked.empty() ? "" : " or ", candidate.entry->name);
      }
    }
    throw error<TooLittleDataError>(
        "No estimator has an answer ({}{}). Train more budgets and sizes, or widen the plan.{}",
        requested->fallback == kNoFallback ? asked_reason + "; " : "",
        reasons_of(candidates, 0),
        only_if_asked.empty() ? ""
                              : fmt::format(" Biased laws are taken only if asked for: "
                                            "fitting.method={}.",
                                            only_if_asked));
  }
  warnings.push_back(fmt::format("FALLBACK: the headline is {}, not the requested {} ({}).",
                                 headline.candidate->entry->name,
                                 requested->name,
                                 asked->fit.status));
  return headline;
}

std::optional<Surface> leading_surface(std::span<const Candidate> candidates,
                                       const Candidate& headline) {
  if (headline.fit.surface) {
    return headline.fit.surface;
  }
  for (const Candidate& candidate : candidates) {
    if (candidate.fit.usable() && candidate.fit.surface &&
        candidate.entry->fallback != kNoFallback) {
      return candidate.fit.surface;
    }
  }
  return std::nullopt;
}

}  // namespace ff::analysis
