// SPDX-License-Identifier: MIT
// metrics.jsonl.
#include "support.h"
#include "targets.h"

#include "flops_fit/io/metrics.h"

void ff::fuzz::metrics(const uint8_t* data, size_t size) {
  const auto path = file_of("metrics.jsonl", text_of(data, size));
  std::string written;
  size_t count = 0;
  const bool read = accepts([&] {
    const auto lines = io::read_metrics(path);
    count = lines.size();
    for (const io::MetricsLine& line : lines) {
      written += io::to_json_line(line) + "\n";
    }
  });
  if (read) {
    const auto again = io::read_metrics(file_of("metrics.jsonl", written));
    require(again.size() == count, "what was written has as many lines");
  }
}
