// SPDX-License-Identifier: MIT
// Architecture trees: what is read is written the same, and evaluated or refused.
#include "support.h"
#include "targets.h"

#include "flops_fit/cost/evaluate.h"
#include "flops_fit/io/json.h"
#include "flops_fit/roofline/arch_file.h"

void ff::fuzz::arch_tree(const uint8_t* data, size_t size) {
  cost::Graph tree;
  const bool read = accepts([&] {
    tree = roofline::parse_arch(io::read_json(file_of("tree.json", text_of(data, size)), ""),
                                "tree.json");
  });
  if (!read) {
    return;
  }
  const io::Json written = roofline::arch_json(tree, true);
  require(roofline::arch_json(roofline::parse_arch(written, "again"), true) == written,
          "what was written is read the same");
  accepts([&] {
    static_cast<void>(
        cost::evaluate(tree, cost::ModuleDb::builtin(), {.queries = {{4, 3}, {0, 2}}}));
  });
}
