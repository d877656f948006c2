// SPDX-License-Identifier: MIT
// Anyone's runs, as ff-analyze takes them. The first line of an input is the file's extension and
// then conditions of input.filter, separated by '|': "csv|source=c4|lr<0.01"; the rest is the file.
#include "support.h"
#include "targets.h"

#include "flops_fit/analysis/input.h"

void ff::fuzz::runs_table(const uint8_t* data, size_t size) {
  std::string_view text = text_of(data, size);
  std::string_view options = take_line(text);
  const std::string_view extension = options.substr(0, options.find('|'));
  analysis::AnalyzerConfig config;
  while (options.find('|') != std::string_view::npos) {
    options.remove_prefix(options.find('|') + 1);
    config.input.filter.emplace_back(options.substr(0, options.find('|')));
  }
  std::string name = "runs";
  for (const char* known : {".csv", ".json", ".jsonl"}) {
    name += extension == std::string_view(known).substr(1) ? known : "";
  }
  config.paths.results = file_of(name, text).string();
  config.paths.trajectories = text.find("step") != text.npos ? config.paths.results : "";
  accepts([&] {
    const analysis::InputData input = analysis::read_input(config);
    (void)analysis::prepare_runs(input.runs, config.input);
  });
}
