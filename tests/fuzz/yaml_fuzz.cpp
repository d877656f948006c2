// SPDX-License-Identifier: MIT
// YAML composition. An input is one file or several, separated by lines "%%% NAME.yaml"; the first
// is main.yaml, the one that --config-name names. Lines before it that start with '>' are
// overrides.
#include "support.h"
#include "targets.h"

#include "flops_fit/config/compose.h"
#include "flops_fit/config/load.h"
#include "flops_fit/plan/config.h"

#include <nlohmann/json.hpp>

namespace ff::fuzz {
namespace {

namespace fs = std::filesystem;

void check_round_trip(std::string_view text) {
  config::Node tree;
  if (accepts([&] { tree = config::parse_yaml(text, "main.yaml"); })) {
    const std::string written = config::to_yaml(tree);
    require(config::to_yaml(config::parse_yaml(written, "written")) == written,
            "a tree survives writing and reading");
    (void)config::to_json(tree);
  }
}

/// "group/option.yaml" or "name.yaml"; anything else is one name.
fs::path tidy_name(std::string_view name) {
  std::string tidy;
  for (const char c : name.substr(0, 40)) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    tidy += word || (c == '/' && !tidy.empty() && tidy.back() != '/') ? c : 'x';
  }
  return tidy.empty() || tidy.back() == '/' ? tidy + "x" : tidy;
}

}  // namespace

void yaml(const uint8_t* data, size_t size) {
  std::string_view text = text_of(data, size);
  static const config::Schema kSchema = config::describe<plan::PlanConfig>();
  config::ComposeRequest request{.stage = "planner",
                                 .schema = kSchema,
                                 .stages = {"planner", "trainer"},
                                 .search_path = {scratch() / "conf"},
                                 .config_name = "main"};
  while (text.starts_with('>')) {
    request.overrides.emplace_back(take_line(text).substr(1));
  }
  check_round_trip(text);
  fs::remove_all(scratch() / "conf");
  fs::create_directories(scratch() / "conf");
  constexpr std::string_view kMark = "%%% ";
  for (fs::path name = "main";;) {
    const size_t end = text.starts_with(kMark) ? 0 : text.find("\n%%% ");
    fs::create_directories((scratch() / "conf" / name).parent_path());
    std::error_code taken;
    if (!fs::is_directory(scratch() / "conf" / (name.string() + ".yaml"), taken)) {
      (void)file_of("conf/" + name.string() + ".yaml", text.substr(0, end));
    }
    if (end == std::string_view::npos) {
      break;
    }
    text.remove_prefix(end + (end == 0 ? 0 : 1) + kMark.size());
    name = tidy_name(take_line(text));
  }
  accepts([&] {
    const config::Composition composed = config::compose(request);
    (void)config::load<plan::PlanConfig>(composed.tree);
  });
}

}  // namespace ff::fuzz
