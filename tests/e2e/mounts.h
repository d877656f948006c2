// SPDX-License-Identifier: MIT
#pragma once
#include "support/catch.h"
#include "support/process.h"

#include <filesystem>
#include <optional>
#include <string>

namespace ff::test {

/// Runs shell lines where `mount` is allowed: file systems of their own, gone when the lines end.
/// None where this machine does not let us.
inline std::optional<Outcome> run_with_mounts(const std::string& command,
                                              const std::filesystem::path& folder) {
  for (const std::string unshare : {"unshare -m ", "unshare -rm "}) {
    if (run(unshare + "sh -c 'mkdir -p probe && mount -t tmpfs tmpfs probe'", folder).exit_code ==
        0) {
      write_text(folder / "lines.sh", command);
      return run(unshare + "sh lines.sh", folder);
    }
  }
  WARN("skipped: no mounts here, neither as root nor in a user namespace");
  return std::nullopt;
}

}  // namespace ff::test
