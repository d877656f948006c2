// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/certificate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace ff::analysis {

bool Certificate::converged() const {
  return decrement < kMaxDecrement && starts >= kMinStarts && starts_agreeing >= kMinAgreeing;
}

std::string Certificate::status() const {
  // A bound first: there the objective may have no minimum to converge to.
  if (!bounds_hit.empty()) {
    return fmt::format("at a bound: {}", fmt::join(bounds_hit, "; "));
  }
  if (!(decrement < kMaxDecrement)) {
    return fmt::format(
        "not converged: a Newton step would still lower the objective by the share {:.1e} (at most "
        "{:.0e} is allowed); lower fitting.tolerance",
        decrement,
        kMaxDecrement);
  }
  if (starts < kMinStarts) {
    return fmt::format(
        "not certified: {} starts are too few to tell a local optimum from the optimum; raise "
        "fitting.starts to at least {}",
        starts,
        kMinStarts);
  }
  if (starts_agreeing < kMinAgreeing) {
    return fmt::format(
        "not certified: only {} of {} starts agree on the optimum; raise fitting.starts, or give "
        "more runs",
        starts_agreeing,
        starts);
  }
  if (!flat_directions.empty()) {
    std::vector<std::string> parts;
    for (const FlatDirection& flat : flat_directions) {
      parts.push_back(fmt::format("{} from {:.4g} to {:.4g} changes the objective by only {:.2g}%",
                                  flat.parameter,
                                  flat.from,
                                  flat.to,
                                  100 * flat.rise));
    }
    return fmt::format("not identified: {}", fmt::join(parts, ", "));
  }
  return "ok";
}

Certificate certificate_of(double objective,
                           double decrement,
                           std::span<const double> objectives,
                           double rounding) {
  const double near = objective * (1 + kAgreement) + rounding;
  Certificate certificate;
  certificate.objective = objective;
  certificate.decrement = objective < rounding ? 0.0 : decrement;
  certificate.starts = static_cast<int64_t>(objectives.size());
  certificate.starts_agreeing = std::count_if(
      objectives.begin(), objectives.end(), [near](double other) { return other <= near; });
  return certificate;
}

io::Json to_json(const Certificate& certificate) {
  io::Json flats = io::Json::array();
  for (const FlatDirection& flat : certificate.flat_directions) {
    flats.push_back({{"parameter", flat.parameter},
                     {"from", io::number_or_null(flat.from)},
                     {"to", io::number_or_null(flat.to)},
                     {"rise", io::number_or_null(flat.rise)}});
  }
  return {{"gradient_norm", io::number_or_null(certificate.gradient_norm)},
          {"decrement", io::number_or_null(certificate.decrement)},
          {"starts", certificate.starts},
          {"starts_agreeing", certificate.starts_agreeing},
          {"bounds_hit", certificate.bounds_hit},
          {"condition_number", io::number_or_null(certificate.condition_number)},
          {"flat_directions", std::move(flats)}};
}

}  // namespace ff::analysis
