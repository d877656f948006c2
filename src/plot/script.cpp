// SPDX-License-Identifier: MIT
// The .tsv and .gp files of a figure.
#include "layout.h"
#include "theme.h"

#include "flops_fit/plot/gnuplot.h"
#include "flops_fit/plot/markup.h"
#include "flops_fit/util/units.h"
#include "flops_fit/util/version.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace ff::plot {
namespace {

bool has_bars(const Series& series) {
  return series.shape == Shape::kBand || series.shape == Shape::kErrorsX ||
         series.shape == Shape::kErrorsY;
}

bool is_drawn(const Series& series) {
  return series.shape == Shape::kHorizontal ? !series.y.empty() : !series.x.empty();
}

std::string cell(double value) {
  return std::isfinite(value) ? format_number(value) : "NaN";
}

/// A comment of a script or a data file. A backslash at its end would join the next line to it.
std::string comment(std::string_view markup) {
  const std::string text = to_plain(markup);
  return "# " + text + (text.ends_with('\\') ? " .\n" : "\n");
}

/// Plain text that cannot break the columns.
std::string cell(const std::string& text) {
  std::string out = to_plain(text);
  return out.empty() ? "-" : out;
}

/// The style lines of a script: one per distinct look, numbered from 1.
class StyleLines {
 public:
  int number(const Look& look, const Theme& theme) {
    const std::string text = fmt::format("lc rgb '{}' lw {:.3g} dt {} pt {} ps {:.3g} * mark_scale",
                                         look.colour,
                                         look.width * theme.stroke,
                                         look.dash,
                                         look.mark,
                                         look.mark_size * theme.mark);
    const auto [found, added] = numbers_.try_emplace(text, static_cast<int>(numbers_.size()) + 1);
    if (added) {
      text_ += fmt::format("set style line {} {}\n", found->second, text);
    }
    return found->second;
  }
  const std::string& text() const { return text_; }

 private:
  std::map<std::string, int> numbers_;
  std::string text_;
};

/// A white disc under a mark keeps it legible on lines of its own colour.
Look halo(const Look& look) {
  return {.colour = "#ffffff", .mark = look.mark, .mark_size = look.mark_size * 1.35};
}

class ScriptWriter {
 public:
  ScriptWriter(const Figure& figure, const RenderOptions& options)
      : figure_(figure),
        options_(options),
        theme_(theme_of(options.medium)),
        layout_(layout_of(figure, theme_)) {}

  std::string text() {
    std::string panels;
    for (size_t i = 0; i < figure_.panels.size(); ++i) {
      panels += panel(i);
    }
    const std::string key = legend();  // before the styles are printed: it may add some
    return head() + styles_.text() + "\n" + "set multiplot\n" + heading() + key + panels + tail();
  }

 private:
  std::string head() const;
  std::string heading() const;
  std::string legend();
  std::string panel(size_t i);
  std::string plot_elements(const Series& series, int block);
  std::string tail() const;
  std::string at(double x, double y) const {
    return fmt::format("screen {:.5f},{:.5f}", x / layout_.width, y / layout_.height);
  }
  int style(const Look& look) { return styles_.number(look, theme_); }

  const Figure& figure_;
  const RenderOptions& options_;
  Theme theme_;
  Layout layout_;
  StyleLines styles_;
  int next_block_ = 0;
};

std::string ScriptWriter::head() const {
  std::string formats;
  for (const std::string& format : options_.formats) {
    formats += (formats.empty() ? "" : " ") + format;
  }
  const double width = layout_.width / 72;
  const double height = layout_.height / 72;
  const double scale = options_.dpi / 72.0;
  const double css = 96.0 / 72.0;  // SVG counts in CSS pixels
  std::string out =
      comment(fmt::format("{}: written by ff-visualize {}.", figure_.title, ff::version()));
  out += fmt::format(
      "# Change what you like, then draw again here:  gnuplot {}.gp\n"
      "# Another format:  gnuplot -e \"formats='pdf'\" {}.gp\n"
      "# All that the picture rests on, whatever ~/.gnuplot has set.\n"
      "unset multiplot\n"
      "unset table\n"
      "reset\n"
      "unset decimalsign\n"
      "unset datafile\n"
      "unset monochrome\n"
      "if (!exists('formats') || !strlen(formats)) formats = '{}'\n"
      "format = word(formats, 1)\n"
      "ff_data = exists('ff_block') ? ff_block : '{}.tsv'\n\n",
      figure_.name,
      figure_.name,
      formats,
      figure_.name);
  out += fmt::format(
      "if (format eq 'png') set terminal pngcairo enhanced nocrop notransparent color solid butt "
      "size {:.0f},{:.0f} font 'Sans,{:g}' fontscale {:.4g} linewidth {:.4g} dashlength 1 "
      "pointscale {:.4g} background '#ffffff'\n",
      std::round(width * options_.dpi),
      std::round(height * options_.dpi),
      theme_.font,
      options_.dpi / 96.0,  // pngcairo takes a point for 1/72 of 96 pixels
      scale,
      scale);
  out += fmt::format(
      "if (format eq 'pdf') set terminal pdfcairo enhanced notransparent color solid butt "
      "size {:.4g}in,{:.4g}in font 'Sans,{:g}' fontscale 0.75 linewidth 2 dashlength 1 "
      "pointscale 1.2 background '#ffffff'\n",
      width,
      height,
      theme_.font);
  out += fmt::format(
      "if (format eq 'svg') set terminal svg enhanced butt size {:.0f},{:.0f} dynamic "
      "font 'Arial,{:.4g}' linewidth {:.4g} dashlength 1 background '#ffffff'\n",
      width * 96,
      height * 96,
      theme_.font * css,
      css);
  out += "# The svg terminal draws larger marks.\nmark_scale = format eq 'svg' ? 0.7 : 1\n";
  out += fmt::format(
      "set output '{}.' . format\n"
      "if (exists('ff_to_stdout')) set output  # ff-visualize writes the file\n\n",
      figure_.name);
  out +=
      "set encoding utf8\n"
      "set datafile separator tab\n"
      "set datafile missing 'NaN'\n"
      "set border 3 lt 1 lc rgb '#404040' lw 0.6 dt solid\n"
      "set tics nomirror out scale 0.5,0.25 textcolor rgb '#202020'\n"
      "set xtics offset 0,0.3\n"
      "set grid xtics ytics lt 1 lc rgb '#e4e4e4' lw 0.4 dt solid\n"
      "unset key\n"
      "set style fill solid 1 noborder\n";
  return out;
}

std::string ScriptWriter::heading() const {
  if (!theme_.title) {
    return "";
  }
  return fmt::format("set label {} at {} center font ',{:g}'\n",
                     to_gnuplot(figure_.title),
                     at(layout_.width / 2, layout_.title_y),
                     theme_.font * 1.2);
}

std::string ScriptWriter::legend() {
  std::string out;
  if (layout_.legend.empty()) {
    return out;
  }
  out += "# The legend, below the panels.\n";
  if (!figure_.legend_title.empty()) {
    out += fmt::format("set label {} at {} center\n",
                       to_gnuplot(figure_.legend_title),
                       at(layout_.width / 2, layout_.legend_title_y));
  }
  const double font = theme_.font;
  for (const LegendEntry& entry : layout_.legend) {
    const Series& series = *entry.series;
    const Look look = look_of(series);
    const double middle = entry.x + layout_.sample_width / 2;
    switch (series.shape) {
      case Shape::kLine:
      case Shape::kHorizontal:
        out += fmt::format("set arrow from {} to {} nohead ls {}\n",
                           at(entry.x, entry.y),
                           at(entry.x + layout_.sample_width, entry.y),
                           style(look));
        break;
      case Shape::kBand:
        out += fmt::format(
            "set object rectangle from {} to {} fc rgb '{}' fs transparent solid {} noborder\n",
            at(entry.x, entry.y - 0.4 * font),
            at(entry.x + layout_.sample_width, entry.y + 0.4 * font),
            look.colour,
            look.opacity);
        break;
      case Shape::kErrorsX:
        out += fmt::format("set arrow from {} to {} nohead ls {}\n",
                           at(middle - 0.75 * font, entry.y),
                           at(middle + 0.75 * font, entry.y),
                           style(look));
        [[fallthrough]];
      case Shape::kPoints:
        out += fmt::format("set label '' at {} point ls {}\n", at(middle, entry.y), style(look));
        break;
      case Shape::kErrorsY:
        out += fmt::format("set arrow from {} to {} nohead ls {}\n",
                           at(middle, entry.y - 0.6 * font),
                           at(middle, entry.y + 0.6 * font),
                           style(look));
        out += fmt::format("set label '' at {} point ls {}\n", at(middle, entry.y), style(look));
        break;
    }
    out += fmt::format("set label {} at {} left\n",
                       to_gnuplot(series.legend),
                       at(entry.x + layout_.sample_width + 0.5 * font, entry.y));
  }
  return out;
}

std::string tick_list(const std::vector<Tick>& list) {
  std::string out;
  for (const Tick& tick : list) {
    out += out.empty() ? "" : ", ";
    out += to_gnuplot(tick.label) + " " + cell(tick.value) + (tick.label.empty() ? " 1" : " 0");
  }
  return "(" + out + ")";
}

std::string ScriptWriter::panel(size_t i) {
  const Panel& panel = figure_.panels[i];
  const PanelPlace& place = layout_.panels[i];
  const auto x_share = [&](double x) { return x / layout_.width; };
  const auto y_share = [&](double y) { return y / layout_.height; };
  std::string out = "\n" + comment(fmt::format("Panel {}: {}", i + 1, panel.title));
  out += fmt::format(
      "set lmargin at screen {:.5f}\nset rmargin at screen {:.5f}\n"
      "set bmargin at screen {:.5f}\nset tmargin at screen {:.5f}\n",
      x_share(place.box.left),
      x_share(place.box.right),
      y_share(place.box.bottom),
      y_share(place.box.top));
  out += panel.x.log ? "set logscale x 10\n" : "unset logscale x\n";
  out += panel.y.log ? "set logscale y 10\n" : "unset logscale y\n";
  out += fmt::format("set xrange [{}:{}]\nset yrange [{}:{}]\n",
                     cell(place.x_range.low),
                     cell(place.x_range.high),
                     cell(place.y_range.low),
                     cell(place.y_range.high));
  out += "set xtics " + tick_list(place.x_ticks) + "\n";
  out += "set ytics " + tick_list(place.y_ticks) + "\n";
  out += fmt::format(
      "set label {} {} at {} center\n",
      1001,
      to_gnuplot(panel.x.label),
      at((place.box.left + place.box.right) / 2, place.box.bottom - 2.85 * theme_.font));
  out += fmt::format("set label {} {} at {} center rotate by 90\n",
                     1002,
                     to_gnuplot(panel.y.label),
                     at(place.y_label_x, (place.box.bottom + place.box.top) / 2));
  std::string elements;
  for (const Series& series : panel.series) {
    if (is_drawn(series)) {
      elements += (elements.empty() ? "" : ", \\\n     ") + plot_elements(series, next_block_++);
    }
  }
  out += "plot " + (elements.empty() ? std::string("NaN notitle") : elements) + "\n";
  // Legend and title are drawn once, with the first panel.
  return out + "unset label\nunset arrow\nunset object\n";
}

std::string ScriptWriter::plot_elements(const Series& series, int block) {
  const Look look = look_of(series);
  const std::string source = fmt::format("ff_data index {} using ", block);
  const auto marks = [&](const Look& mark) {
    return fmt::format("{}1:2 with points ls {}", source, style(mark));
  };
  switch (series.shape) {
    case Shape::kPoints:
      return marks(halo(look)) + ", \\\n     " + marks(look);
    case Shape::kLine:
    case Shape::kHorizontal:
      return fmt::format("{}1:2 with lines ls {}", source, style(look));
    case Shape::kBand:
      return fmt::format("{}1:3:4 with filledcurves fc rgb '{}' fs transparent solid {} noborder",
                         source,
                         look.colour,
                         look.opacity);
    // Bars are double-headed arrows with flat heads: gnuplot's own error bars leave a gap around
    // the mark, which swallows short bars. No halo for the same reason.
    case Shape::kErrorsX:
      return fmt::format(
          "{}3:2:($4 > $3 ? $4 - $3 : NaN):(0) with vectors heads size screen 0.006,90 ls {}, "
          "\\\n     {}",
          source,
          style(look),
          marks(look));
    case Shape::kErrorsY:
      return fmt::format(
          "{}1:3:(0):($4 > $3 ? $4 - $3 : NaN) with vectors heads size screen 0.006,90 ls {}, "
          "\\\n     {}",
          source,
          style(look),
          marks(look));
  }
  return "";
}

std::string ScriptWriter::tail() const {
  return fmt::format(
      "\nunset multiplot\nset output\n"
      "# The next format, if there is one.\n"
      "formats = formats[strlen(format) + 2 : *]\n"
      "if (strlen(formats)) load '{}.gp'\n",
      figure_.name);
}

}  // namespace

PictureSize picture_size(const Figure& figure, Medium medium) {
  const Layout layout = layout_of(figure, theme_of(medium));
  return {layout.width / 72, layout.height / 72};
}

std::string tsv_text(const Figure& figure) {
  std::string out = comment(figure.title + ". Blocks of one series each, two blank lines apart.") +
                    "# x\ty\tlow\thigh\tpanel\tseries\tnote\n";
  bool first = true;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      if (!is_drawn(series)) {
        continue;
      }
      out += first ? "" : "\n\n";
      first = false;
      const std::string tail = fmt::format(
          "{}\t{}\t{}", cell(panel.title), cell(series.legend), cell(literal(series.note)));
      if (series.shape == Shape::kHorizontal) {
        const Range range = range_of(panel, true);
        for (const double x : {range.low, range.high}) {
          out += fmt::format("{}\t{}\tNaN\tNaN\t{}\n", cell(x), cell(series.y.front()), tail);
        }
        continue;
      }
      for (size_t i = 0; i < series.x.size(); ++i) {
        const bool bars = has_bars(series) && i < series.low.size() && i < series.high.size();
        out += fmt::format("{}\t{}\t{}\t{}\t{}\n",
                           cell(series.x[i]),
                           i < series.y.size() ? cell(series.y[i]) : "NaN",
                           bars ? cell(series.low[i]) : "NaN",
                           bars ? cell(series.high[i]) : "NaN",
                           tail);
      }
    }
  }
  return out;
}

std::string script_text(const Figure& figure, const RenderOptions& options) {
  return ScriptWriter(figure, options).text();
}

}  // namespace ff::plot
