// SPDX-License-Identifier: MIT
// The timing that the roofline is drawn from.
#include "support.h"
#include "targets.h"

#include "flops_fit/plot/figures.h"

void ff::fuzz::timing_json(const uint8_t* data, size_t size) {
  plot::FigureInputs inputs{.sweep_kind = plot::kTiming};
  const bool read = accepts([&] {
    inputs.timed_model = io::read_timed_model(file_of("timing.json", text_of(data, size)));
  });
  if (read) {
    static_cast<void>(plot::roofline(inputs));
  }
}
