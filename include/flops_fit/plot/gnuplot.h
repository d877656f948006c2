// SPDX-License-Identifier: MIT
#pragma once
// Figures as gnuplot pictures. For a figure `name` three kinds of files are written to one folder:
//   name.tsv        all data, one block per series, columns x y low high panel series note
//   name.gp         the script; reads name.tsv, so `gnuplot name.gp` there draws the picture again
//   name.png|svg|pdf
#include "flops_fit/plot/figure.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ff::plot {

enum class Medium {
  kPaper,     ///< a journal's column: 3.3 in, or 7 in for several panels; no title
  kNotebook,  ///< large type, with titles
  kReport,    ///< one panel for a web page
};

struct RenderOptions {
  Medium medium = Medium::kPaper;
  std::vector<std::string> formats = {"png"};  ///< "png", "svg", "pdf"
  int dpi = 300;                               ///< of PNG
};

/// Size of a picture on paper.
struct PictureSize {
  double width_in = 0.0;
  double height_in = 0.0;
};

[[nodiscard]] PictureSize picture_size(const Figure& figure, Medium medium);
[[nodiscard]] std::string tsv_text(const Figure& figure);
[[nodiscard]] std::string script_text(const Figure& figure, const RenderOptions& options);

struct Rendered {
  std::vector<std::filesystem::path> written;
  std::optional<std::string> problem;  ///< one line; the .tsv and .gp are kept for inspection
};

/// Writes the files of one figure. An old picture is replaced only by a whole new one. Throws
/// StorageError or PathError if a file cannot be written.
[[nodiscard]] Rendered render(const Figure& figure,
                              const std::filesystem::path& folder,
                              const RenderOptions& options);

/// A picture in memory.
struct Drawn {
  std::string picture;                 ///< the whole file, or empty
  std::optional<std::string> problem;  ///< why; without a full stop
};

/// The figure as SVG, for the report; needs no folder.
[[nodiscard]] Drawn draw_svg(const Figure& figure);

}  // namespace ff::plot
