// SPDX-License-Identifier: MIT
#pragma once
// The estimators at work on one set of runs, and which of them leads.
#include "flops_fit/analysis/bootstrap.h"
#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/io/laws.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::analysis {

/// One estimator's work.
struct Candidate {
  const EstimatorEntry* entry = nullptr;
  Fit fit;
  Bootstrap intervals;
};

/// Runs further than 5 robust standard deviations (and 0.2%) off the first certified surface of
/// huber and vp, as indices into `points`.
[[nodiscard]] std::vector<size_t> outliers(std::span<const Candidate> candidates,
                                           std::span<const Point> points);

struct Headline {
  const Candidate* candidate = nullptr;
  std::string requested;  ///< fitting.method; for auto, what it came to
};

/// The requested estimator, or the next usable one among the fallbacks, with a warning. Throws
/// TooLittleDataError with everybody's reasons if there is none.
[[nodiscard]] Headline choose_headline(std::span<const Candidate> candidates,
                                       const std::string& method,
                                       bool has_outliers,
                                       std::vector<std::string>& warnings);

/// The headline's surface, or that of the first certified estimator that has one.
[[nodiscard]] std::optional<Surface> leading_surface(std::span<const Candidate> candidates,
                                                     const Candidate& headline);

/// One for each target, with intervals, ranges over estimators, waste, and what predict.* asks for.
[[nodiscard]] std::vector<io::Prediction> predict(std::span<const Candidate> candidates,
                                                  const Candidate& headline,
                                                  const AnalyzerConfig& config,
                                                  double flops_per_nd,
                                                  std::span<const double> budgets);

/// The headline estimator's law under every count of N that all runs carry, and under exact FLOPs
/// and 6ND: rows of params, flops, status, exponent_a, coefficient_k, flops_per_nd, model_size (at
/// `target`). Empty where the runs carry one convention only.
[[nodiscard]] io::Json conventions(const Dataset& data,
                                   const EstimatorEntry& estimator,
                                   const FitOptions& options,
                                   double target);

// describe.cpp: from fits to what scaling_laws.json says of them.

/// Every budget's runs and its parabola.
[[nodiscard]] std::vector<io::Isoflop> isoflops(const Dataset& data, double window_nats);
/// quadratic's account of each budget.
[[nodiscard]] std::vector<io::BudgetVertex> vertices(std::span<const io::Isoflop> isoflops);
/// One estimator with its intervals; `targets`: how many there are.
[[nodiscard]] io::Estimator describe(const Candidate& candidate, size_t targets);
/// n_opt_fit, d_opt_fit, l_opt_fit, the irreducible law and the optimal points.
void set_headline(io::ScalingLaws& laws,
                  const Candidate& headline,
                  double flops_per_nd,
                  double min_r_squared);

}  // namespace ff::analysis
