// SPDX-License-Identifier: MIT
#include "flops_fit/plot/gnuplot.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/foreign_program.h"

#include <array>
#include <cctype>
#include <cstdlib>
#include <string_view>

namespace ff::plot {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

/// What gnuplot sees of our variables: where programs, fonts and their caches are. Not GNUTERM, the
/// language and the like, which would change the pictures.
Environment gnuplot_environment() {
  Environment out = {"LC_ALL=C.UTF-8"};
  for (const char* name : {"PATH",
                           "HOME",
                           "TMPDIR",
                           "LD_LIBRARY_PATH",
                           "LD_PRELOAD",
                           "FONTCONFIG_FILE",
                           "FONTCONFIG_PATH",
                           "XDG_CACHE_HOME",
                           "XDG_CONFIG_HOME",
                           "XDG_DATA_HOME",
                           "XDG_DATA_DIRS"}) {
    if (const char* value = std::getenv(name)) {
      out.push_back(fmt::format("{}={}", name, value));
    }
  }
  return out;
}

std::string_view without_blank_end(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

/// The line of gnuplot's complaint that says something: the last one that is not blank.
std::string last_line(std::string_view text) {
  text = without_blank_end(text);
  const size_t start = text.rfind('\n');
  text = start == std::string_view::npos ? text : text.substr(start + 1);
  return text.empty() ? "it said nothing" : std::string(text);
}

/// Whether a picture has its beginning and its end: gnuplot says nothing of what it could not
/// write.
bool is_whole(std::string_view picture, const std::string& format) {
  if (format == "png") {
    return picture.starts_with("\x89PNG\r\n\x1a\n"sv) &&
           picture.ends_with("\0\0\0\0IEND\xae\x42\x60\x82"sv);
  }
  const std::string_view text = without_blank_end(picture);
  return format == "pdf" ? text.starts_with("%PDF-") && text.ends_with("%%EOF")
                         : text.starts_with("<?xml") && text.ends_with("</svg>");
}

/// Runs gnuplot, which hands the picture over on its stdout: no half of one reaches a disk.
Drawn draw(const std::vector<std::string>& arguments,
           const fs::path& folder,
           const std::string& input,
           const std::string& format) {
  // -d: neither the user's ~/.gnuplot nor the system's gnuplotrc is read.
  std::vector<std::string> command = {"gnuplot", "-d"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  ForeignOutcome outcome = run_foreign({.command = std::move(command),
                                        .environment = gnuplot_environment(),
                                        .folder = folder,
                                        .input = input});
  if (outcome.ending == ForeignOutcome::Ending::kNotStarted) {
    return {.problem =
                fmt::format("cannot start gnuplot ({}); install it (apt-get install gnuplot-nox)",
                            outcome.errors)};
  }
  if (outcome.exit_code != 0) {
    return {.problem = fmt::format("gnuplot failed on the {} (exit code {}): {}",
                                   format,
                                   outcome.exit_code,
                                   last_line(outcome.errors))};
  }
  if (!is_whole(outcome.output, format)) {
    return {.problem = fmt::format("gnuplot left {} {}: {}",
                                   outcome.output.empty() ? "an empty" : "half a",
                                   format,
                                   last_line(outcome.errors))};
  }
  return {.picture = std::move(outcome.output)};
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
    const Drawn drawn = draw(
        {"-e", fmt::format("formats='{}'; ff_to_stdout=1", format), script.filename().string()},
        folder,
        "",
        format);
    if (drawn.problem) {
      out.problem = fmt::format("{}. The script {} is kept.", *drawn.problem, script.string());
      break;  // the other formats would fail in the same way
    }
    const fs::path picture = folder / (figure.name + "." + format);
    write_file_atomically(picture, drawn.picture);
    out.written.push_back(picture);
  }
  return out;
}

Drawn draw_svg(const Figure& figure) {
  const std::string data = tsv_text(figure);  // each line begins with a number or "# "
  const std::string input = "$ff_rows << ff_end\n" + data +
                            "ff_end\nff_block='$ff_rows'; ff_to_stdout=1\n" +
                            script_text(figure, {Medium::kReport, {"svg"}, 96});
  return draw({"-"}, {}, input, "svg");
}

}  // namespace ff::plot
