// SPDX-License-Identifier: MIT
#include "flops_fit/plot/gnuplot.h"

#include "flops_fit/plot/process.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <cctype>
#include <string_view>
#include <unistd.h>

namespace ff::plot {
namespace {

namespace fs = std::filesystem;

/// The line of gnuplot's complaint that says something: the last one that is not blank.
std::string last_line(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  const size_t start = text.rfind('\n');
  text = start == std::string_view::npos ? text : text.substr(start + 1);
  return text.empty() ? "it said nothing" : std::string(text);
}

/// Draws one format to a hidden name and puts it in place. Returns what went wrong, if anything.
std::optional<std::string> draw(const std::string& name,
                                const std::string& format,
                                const fs::path& folder) {
  const std::string prefix = fmt::format(".{}.tmp.", ::getpid());
  const fs::path hidden = folder / (prefix + name + "." + format);
  const fs::path script = folder / (name + ".gp");
  const ProcessOutcome outcome = run_process(
      {"gnuplot", "-e", fmt::format("formats='{}'; prefix='{}'", format, prefix), name + ".gp"},
      folder);
  std::error_code ignored;
  if (!outcome.started) {
    return fmt::format(
        "cannot start gnuplot ({}); install it (apt-get install gnuplot-nox). The script {} is "
        "ready to run.",
        outcome.error_output,
        script.string());
  }
  const auto size = fs::file_size(hidden, ignored);
  if (outcome.exit_code != 0 || ignored || size == 0) {
    fs::remove(hidden, ignored);
    return fmt::format("gnuplot {} {} of {}: {}. The script is kept for inspection.",
                       outcome.exit_code != 0
                           ? fmt::format("failed (exit code {}) on the", outcome.exit_code)
                           : std::string("left an empty"),
                       format,
                       script.string(),
                       last_line(outcome.error_output));
  }
  detail::commit_file(hidden, folder / (name + "." + format));
  return std::nullopt;
}

}  // namespace

Rendered render(const Figure& figure, const fs::path& folder, const RenderOptions& options) {
  Rendered out;
  const fs::path data = folder / (figure.name + ".tsv");
  const fs::path script = folder / (figure.name + ".gp");
  write_file_atomically(data, tsv_text(figure));
  write_file_atomically(script, script_text(figure, options));
  out.written = {data, script};
  for (const std::string& format : options.formats) {
    if (auto problem = draw(figure.name, format, folder)) {
      out.problem = std::move(problem);
      break;  // the other formats would fail in the same way
    }
    out.written.push_back(folder / (figure.name + "." + format));
  }
  return out;
}

}  // namespace ff::plot
