// SPDX-License-Identifier: MIT
#include "flops_fit/io/roofline.h"

#include "flops_fit/io/json.h"

#include <cmath>

namespace ff::io {

TimedModel read_timed_model(const std::filesystem::path& path) {
  const Json json = read_json(path, "write it with `ff-roofline time CONFIG --output FILE`");
  const ObjectReader file(json, path.string());
  if (!file.has("ridge_point") || !file.has("operators")) {
    throw error<FileError>(
        "{}: is no timing; write one with `ff-roofline time CONFIG --hardware NAME --output FILE`.",
        path.string());
  }
  const ObjectReader efficiency = file.object("efficiency");
  TimedModel out{.model = file.text("model"),
                 .machine = file.text("hardware"),
                 .flops_per_s = file.positive("peak_flops") * efficiency.positive("compute"),
                 .bytes_per_s = file.positive("bandwidth") * efficiency.positive("memory"),
                 .seconds = file.positive("seconds")};
  const Json& operators = file.at("operators");
  if (!operators.is_array()) {
    throw error<FileError>("{}: operators: expected a list.", path.string());
  }
  for (size_t i = 0; i < operators.size(); ++i) {
    const ObjectReader item(operators[i], fmt::format("{}: operators[{}]", path.string(), i));
    out.operators.push_back({.path = item.text("path"),
                             .flops = item.number("flops"),
                             .bytes = item.number("bytes"),
                             .seconds = item.number("seconds"),
                             .compute_bound = item.text("bound") == "compute"});
  }
  return out;
}

}  // namespace ff::io
