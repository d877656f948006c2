// SPDX-License-Identifier: MIT
// sweep.json, and the sums that are made of its numbers.
#include "support.h"
#include "targets.h"

#include "flops_fit/cost/transformer.h"
#include "flops_fit/engine/memory.h"
#include "flops_fit/io/sweep.h"

void ff::fuzz::sweep_json(const uint8_t* data, size_t size) {
  const auto path = file_of("sweep.json", text_of(data, size));
  accepts([&] {
    const auto sweep = io::read_sweep(path);
    for (const io::Experiment& e : sweep) {
      if (e.architecture) {
        (void)cost::count_params(*e.architecture);
        (void)cost::train_flops_per_token(*e.architecture);
        (void)engine::predicted_memory(*e.architecture, {.batch_rows = e.batch_size});
      }
      const io::Json json = io::to_json(e);
      const io::Json again = io::to_json(io::experiment_from_json(json, "again"));
      require(json.dump() == again.dump(), "an experiment survives writing and reading");
    }
  });
}
