// SPDX-License-Identifier: MIT
#include "flops_fit/plot/gnuplot.h"
#include "flops_fit/plot/markup.h"
#include "flops_fit/plot/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace ff::plot {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// Removes an attribute with its value, in double quotes.
void remove_attribute(std::string& tag, std::string_view start) {
  const size_t at = tag.find(start);
  const size_t end = at == std::string::npos ? at : tag.find('"', at + start.size());
  if (end != std::string::npos) {
    tag.erase(at, end + 1 - at);
  }
}

/// A tag as HTML has it, with identifiers of its own: all pictures of a page share one namespace.
std::string html_tag(std::string tag, const std::string& prefix) {
  remove_attribute(tag, " xmlns=\"");
  remove_attribute(tag, " xmlns:xlink=\"");
  replace_all(tag, "xlink:href", "href");
  for (const char* opening : {" id='", " id=\"", "href='#", "href=\"#", "url(#"}) {
    replace_all(tag, opening, opening + prefix);
  }
  replace_all(tag, "font-family=\"Arial\"", "font-family=\"Helvetica Neue,Arial,sans-serif\"");
  return tag;
}

/// The picture from <svg on. Only tags are changed: what stands between them is text of the figure,
/// in which gnuplot has written "<" as "&lt;".
std::string html_ready(const std::string& svg,
                       const std::string& prefix,
                       const std::string& description) {
  std::string out;
  for (size_t at = svg.find("<svg"); at < svg.size();) {
    const size_t end = std::min(svg.find('>', at), svg.size() - 1) + 1;
    const std::string tag = svg.substr(at, end - at);
    at = end;
    if (tag == "<title>" || tag == "<desc>") {  // the program's words; we have our own
      at = svg.find("</" + tag.substr(1), at) + tag.size() + 1;
    } else {
      out += html_tag(tag, prefix);
    }
    const size_t next = std::min(svg.find('<', at), svg.size());
    out += svg.substr(at, next - at);
    at = next;
  }
  out.insert(std::string_view("<svg").size(),
             fmt::format(" role=\"img\" aria-label=\"{}\"", escape_html(description)));
  return out;
}

}  // namespace

ReportFigure inline_svg(const Figure& figure) {
  ReportFigure out{figure, {}, ""};
  for (size_t i = 0; i < figure.panels.size(); ++i) {
    Figure single = figure;
    single.name = fmt::format("{}_{}", figure.name, i + 1);
    single.panels = {figure.panels[i]};
    const Drawn drawn = draw_svg(single);
    if (drawn.problem) {
      out.svg.clear();
      out.problem = *drawn.problem + ".";
      return out;
    }
    out.svg.push_back(
        html_ready(drawn.picture, single.name + "_", to_plain(figure.panels[i].title)));
  }
  return out;
}

}  // namespace ff::plot
