// SPDX-License-Identifier: MIT
// Module databases: what is read is written the same, and every formula has a value or a reason.
#include "support.h"
#include "targets.h"

#include "flops_fit/io/json.h"
#include "flops_fit/roofline/module_file.h"

void ff::fuzz::modules_json(const uint8_t* data, size_t size) {
  cost::ModuleDb db;
  const bool read = accepts(
      [&] { db = roofline::read_user_modules(file_of("modules.json", text_of(data, size))); });
  if (!read) {
    return;
  }
  const io::Json written = db.to_json();
  accepts([&] {
    require(cost::ModuleDb::parse(written, "again").to_json() == written,
            "what was written is read the same");
  });
  for (const cost::Module& module : db.modules()) {
    accepts([&] { roofline::probe(module, db); });
  }
}
