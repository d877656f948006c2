// SPDX-License-Identifier: MIT
#pragma once
// How a configuration struct declares its keys: once, in visit().
//
//   struct ComputeGrid {
//     double min_flops = 1e12;
//     template <class V> void visit(V& v) {
//       v("min_flops", min_flops, {.doc = "Smallest training budget C.", .unit = "FLOP", .min =
//       1}); v.refused("batch", "set schedule.batch_size instead");   // a key we know, and do not
//       serve
//     }
//   };
//
// Visitors over it load YAML and overrides, print --help and --cfg, list the keys, and hash the
// configuration. Nested structs that have visit() themselves are fields like any other: pass them
// as v("compute", compute, {.doc = "..."}).
// Field types: bool, int, int64_t, double, std::string, std::optional<T> (null = none),
// std::vector<T> (may nest), and structs with visit().
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace ff::config {

struct FieldInfo {
  std::string_view doc;
  std::string_view unit = "";
  /// Smallest and largest legal value, for numbers and for each element of a list of numbers.
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  /// If not empty, a string must be one of these.
  std::vector<std::string> choices = {};
  /// False for keys that cannot change a result (paths, logging, worker counts): they stay out of
  /// the configuration hash that decides whether an experiment is already done.
  bool identity = true;
  /// True lets a number be inf or nan; every other number must be finite.
  bool non_finite = false;
};

}  // namespace ff::config
