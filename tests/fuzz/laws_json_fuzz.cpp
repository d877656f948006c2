// SPDX-License-Identifier: MIT
// scaling_laws.json and lr_transfer.json, with the figures and reports made of them; and the cache
// of measured speeds.
#include "support.h"
#include "targets.h"

#include "flops_fit/analysis/report.h"
#include "flops_fit/engine/speed.h"
#include "flops_fit/io/laws.h"
#include "flops_fit/io/lr_transfer.h"
#include "flops_fit/plot/figures.h"
#include "flops_fit/plot/gnuplot.h"
#include "flops_fit/plot/report.h"
#include "flops_fit/plot/ticks.h"

#include <spdlog/spdlog.h>

namespace ff::fuzz {
namespace {

void draw_all(const plot::FigureInputs& inputs) {
  plot::ReportContent content;
  for (const plot::FigureEntry& entry : plot::figure_registry()) {
    plot::Drawing drawing = plot::draw(entry, inputs);
    if (auto* figure = std::get_if<plot::Figure>(&drawing)) {
      for (const plot::Panel& panel : figure->panels) {
        (void)plot::ticks(panel.x, plot::range_of(panel, true), 8);
        (void)plot::ticks(panel.y, plot::range_of(panel, false), 8);
      }
      content.figures.push_back({std::move(*figure), {}, "not rendered"});
    }
  }
  (void)plot::report_html(inputs, content);
}

void read_speeds(const std::filesystem::path& path) {
  spdlog::set_level(spdlog::level::off);  // it warns of each damaged cache
  const std::vector<engine::SpeedShape> shapes = {{.arch = {8, 1, 1, 8, 8, 8}}};
  engine::SpeedOptions options{.threads = 1, .cache = path};
  options.measure = [](const engine::SpeedShape&, int64_t) {
    return cost::TokenSeconds{.train = 1e-6, .evaluate = 1e-6};
  };
  (void)engine::training_speeds(shapes, options);
}

}  // namespace

void laws_json(const uint8_t* data, size_t size) {
  const auto path = file_of("laws.json", text_of(data, size));
  plot::FigureInputs inputs;
  if (accepts([&] { inputs.laws = io::read_laws(path); })) {
    const io::Json json = io::to_json(inputs.laws);
    (void)io::laws_from_json(json, "again");
    accepts([&] { draw_all(inputs); });
    accepts([&] { (void)analysis::report(inputs.laws, {}); });
    accepts([&] { (void)analysis::markdown_report(inputs.laws, {}); });
    accepts([&] { (void)analysis::summary(inputs.laws); });
  }
  if (accepts([&] { inputs.lr_transfer = io::read_lr_transfer(path); })) {
    const io::Json json = io::to_json(*inputs.lr_transfer);
    const io::Json again = io::to_json(io::lr_transfer_from_json(json, "again"));
    require(json.dump() == again.dump(), "lr_transfer.json survives writing and reading");
    inputs.sweep_kind = io::kLrTransferSweep;
    accepts([&] { draw_all(inputs); });
  }
  if (text_of(data, size).find("speeds") != std::string_view::npos) {
    accepts([&] { read_speeds(path); });
  }
}

}  // namespace ff::fuzz
