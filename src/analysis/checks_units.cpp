// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/checks.h"
#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

namespace ff::analysis {
namespace {

constexpr double kImpossibleLoss = 12.5;  // ln of 268,000 words: guessing, with a huge vocabulary
constexpr double kLowLoss = 1.5;  // below what models of kLargeModel reach on text, per token
constexpr double kLargeModel = 1e8;

double median_size(const std::vector<Point>& points) {
  std::vector<double> sizes;
  for (const Point& point : points) {
    sizes.push_back(point.n);
  }
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  return *middle;
}

void check_cost(const Dataset& data, std::vector<std::string>& warnings) {
  const double cost = data.flops_per_nd;
  if (!is_odd_cost(cost)) {
    return;
  }
  if (cost > 1.6 && cost < 2.4) {
    warnings.push_back(
        fmt::format("The median C is {:.2f} N D, a third of 6 N D: these look like the FLOPs of "
                    "the forward pass alone, a factor of 3. Multiply them by 3, or every budget "
                    "and target_compute means something else than training FLOPs.",
                    cost));
  } else {
    warnings.push_back(fmt::format(
        "The median C is {:.3g} N D, {:.3g} times 6 N D: look for units (N or D in millions or "
        "billions, C in PFLOP or petaflop/s-days), or for another count of N; the laws are in the "
        "file's own numbers.",
        cost,
        cost / 6));
  }
}

void check_bits(const Dataset& data, std::vector<std::string>& warnings) {
  const auto [lowest, highest] = std::minmax_element(
      data.points.begin(), data.points.end(), [](const Point& a, const Point& b) {
        return a.loss < b.loss;
      });
  if (lowest->loss > kImpossibleLoss) {
    warnings.push_back(
        fmt::format("Every loss is above {:g} (the lowest is {:.4g}), which is worse than guessing "
                    "with any vocabulary: no loss in nats per token; give a column of those with "
                    "input.columns.loss.",
                    kImpossibleLoss,
                    lowest->loss));
  }
  const double size = median_size(data.points);
  if (highest->loss < kLowLoss && size > kLargeModel) {
    warnings.push_back(
        fmt::format("Every loss is below {:g} (the highest is {:.4g}) with models of {} parameters "
                    "(median): bits per byte or per character, rather than nats per token? The "
                    "exponents stay, E, A and B are in the file's unit.",
                    kLowLoss,
                    highest->loss,
                    format_count(size)));
  }
}

void check_duplicates(const Dataset& data, std::vector<std::string>& warnings) {
  std::map<std::tuple<double, double, double>, size_t> first;
  size_t repeated = 0;
  std::string example;
  for (size_t i = 0; i < data.points.size(); ++i) {
    const Point& point = data.points[i];
    const auto [found, is_new] = first.try_emplace({point.n, point.d, point.loss}, i);
    if (!is_new && repeated++ == 0) {
      example = fmt::format("{} and {}", data.runs[found->second].id, data.runs[i].id);
    }
  }
  if (repeated > 0) {
    warnings.push_back(
        fmt::format("{} of {} runs repeat another's N, D and loss exactly ({}); they are kept, but "
                    "make the intervals too narrow if they are copies: remove them from the file.",
                    repeated,
                    data.points.size(),
                    example));
  }
}

}  // namespace

bool is_odd_cost(double flops_per_nd) {
  return flops_per_nd < 3 || flops_per_nd > 12;
}

std::vector<std::string> check_units(const Dataset& data) {
  std::vector<std::string> warnings;
  if (!data.points.empty()) {
    check_cost(data, warnings);
    check_bits(data, warnings);
    check_duplicates(data, warnings);
  }
  return warnings;
}

}  // namespace ff::analysis
