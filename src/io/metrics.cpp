// SPDX-License-Identifier: MIT
#include "flops_fit/io/metrics.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <string_view>

namespace ff::io {
namespace {

MetricsLine metrics_from_json(const Json& value, const std::string& where) {
  const ObjectReader object(value, where);
  MetricsLine line;
  line.step = object.integer("step");
  line.tokens = object.integer_or("tokens", 0);
  line.flops = object.number_or("flops", 0.0);
  line.train_loss = object.maybe_number("train_loss");
  line.lr = object.number_or("lr", 0.0);
  line.eval_loss = object.maybe_number("eval_loss");
  return line;
}

}  // namespace

std::vector<MetricsLine> read_metrics(const std::filesystem::path& path) {
  const std::string content = read_file(path);
  std::vector<MetricsLine> lines;
  std::string_view rest = content;
  for (int number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    const bool torn = end == std::string_view::npos;  // every whole line ends in a newline
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(torn ? rest.size() : end + 1);
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    Json value;
    try {
      value = parse_json(text);
    } catch (const JsonError& problem) {
      if (torn) {
        break;
      }
      throw error<FileError>("{}:{}: {}; remove the line, or train this run again.",
                             path.string(),
                             number,
                             problem.what());
    }
    const MetricsLine line = metrics_from_json(value, fmt::format("{}:{}", path.string(), number));
    while (!lines.empty() && lines.back().step >= line.step) {
      lines.pop_back();
    }
    lines.push_back(line);
  }
  return lines;
}

std::string to_json_line(const MetricsLine& line) {
  Json value;
  value["step"] = line.step;
  value["tokens"] = line.tokens;
  value["flops"] = number_or_null(line.flops);
  value["train_loss"] = number_or_null(line.train_loss);
  value["lr"] = number_or_null(line.lr);
  if (line.eval_loss) {
    value["eval_loss"] = number_or_null(*line.eval_loss);
  }
  return json_text(value);
}

}  // namespace ff::io
