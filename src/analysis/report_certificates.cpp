// SPDX-License-Identifier: MIT
#include "report_parts.h"

#include <fmt/format.h>

namespace ff::analysis {
namespace {

std::string joined(const io::Json& texts) {
  std::string result;
  for (const io::Json& text : texts) {
    if (text.is_string()) {
      result += (result.empty() ? "" : "; ") + text.get<std::string>();
    }
  }
  return result.empty() ? kNone : result;
}

std::string flat_directions(const io::Json& flats) {
  std::string text;
  for (const io::Json& flat : flats) {
    text += fmt::format("{}{} from {} to {} raises the objective by {}",
                        text.empty() ? "" : "; ",
                        io::member_text(flat, "parameter"),
                        general(io::member_number(flat, "from")),
                        general(io::member_number(flat, "to")),
                        percent(io::member_number(flat, "rise"), 3));
  }
  return text.empty() ? kNone : text;
}

}  // namespace

Section certificate_section(const io::ScalingLaws& laws, Detail detail) {
  const bool full = detail == Detail::kFull;
  Section section{.title = "Certificates: is each fit the optimum of its own objective?",
                  .blocks = {}};
  std::vector<std::string> head = {"", "starts agreeing", "decrement", "condition number"};
  if (full) {
    head.insert(head.end(),
                {"objective", "gradient norm", "bounds hit", "flat directions", "status"});
  }
  Table table(head);
  for (const io::Estimator& e : laws.estimators) {
    const io::Json& c = e.certificate;
    if (!c.is_object() || c.empty() || !(full || e.usable())) {
      continue;
    }
    // What is not finite is null in JSON.
    const auto absent = [&c](const char* key) { return c.contains(key) ? "inf" : kNone; };
    const auto exponential = [&](const char* key) {
      const auto value = io::member_number(c, key);
      return value ? fmt::format("{:.0e}", *value) : absent(key);
    };
    const auto whole = [&](const char* key) {
      const auto value = io::member_number(c, key);
      return value ? fixed(value, 0) : absent(key);
    };
    std::vector<std::string> row = {
        e.name,
        fmt::format("{} of {}", whole("starts_agreeing"), whole("starts")),
        exponential("decrement"),
        whole("condition_number")};
    if (full) {
      row.insert(row.end(),
                 {e.objective ? fmt::format("{:.10g}", *e.objective) : kNone,
                  exponential("gradient_norm"),
                  joined(io::member(c, "bounds_hit")),
                  flat_directions(io::member(c, "flat_directions")),
                  e.status});
    }
    table.add(std::move(row));
  }
  section.add(std::move(table));
  return section;
}

}  // namespace ff::analysis
