// SPDX-License-Identifier: MIT
#include "flops_fit/plot/gnuplot.h"
#include "flops_fit/plot/markup.h"
#include "flops_fit/plot/report.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace ff::plot {
namespace {

namespace fs = std::filesystem;

/// A scratch folder, removed at the end of the scope.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (fs::temp_directory_path() / "flops_fit_report_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw error<Error>("{}: cannot create: {}.", pattern, std::strerror(errno));
    }
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// Removes everything from `start` up to and including `end`, everywhere.
void remove_spans(std::string& text, std::string_view start, std::string_view end) {
  for (size_t at = text.find(start); at != std::string::npos; at = text.find(start, at)) {
    const size_t stop = text.find(end, at + start.size());
    if (stop == std::string::npos) {
      return;
    }
    text.erase(at, stop + end.size() - at);
  }
}

std::string html_ready(std::string svg, const std::string& prefix, const std::string& description) {
  svg.erase(0, std::min(svg.find("<svg"), svg.size()));
  remove_spans(svg, " xmlns=\"", "\"");
  remove_spans(svg, " xmlns:xlink=\"", "\"");
  remove_spans(svg, "<title>", "</title>");
  remove_spans(svg, "<desc>", "</desc>");
  replace_all(svg, "xlink:href", "href");
  // All pictures of the page share one namespace of identifiers.
  for (const char* opening : {" id='", " id=\"", "href='#", "href=\"#", "url(#"}) {
    replace_all(svg, opening, opening + prefix);
  }
  replace_all(svg, "font-family=\"Arial\"", "font-family=\"Helvetica Neue,Arial,sans-serif\"");
  const std::string role =
      fmt::format("<svg role=\"img\" aria-label=\"{}\"", escape_html(description));
  svg.replace(0, std::min<size_t>(4, svg.size()), role);
  return svg;
}

}  // namespace

ReportFigure inline_svg(const Figure& figure) {
  ReportFigure out{figure, {}, ""};
  const ScratchFolder scratch;
  const RenderOptions options{Medium::kReport, {"svg"}, 96};
  for (size_t i = 0; i < figure.panels.size(); ++i) {
    Figure single = figure;
    single.name = fmt::format("{}_{}", figure.name, i + 1);
    single.panels = {figure.panels[i]};
    const Rendered rendered = render(single, scratch.path(), options);
    if (rendered.problem) {
      out.svg.clear();
      out.problem = *rendered.problem;
      return out;
    }
    out.svg.push_back(html_ready(read_file(scratch.path() / (single.name + ".svg")),
                                 single.name + "_",
                                 to_plain(figure.panels[i].title)));
  }
  return out;
}

}  // namespace ff::plot
