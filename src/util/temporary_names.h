// SPDX-License-Identifier: MIT
#pragma once
// Names of temporary files: ".<target's name>.<host>-<boot>.<pid>.<random>.tmp".
#include <filesystem>
#include <string>
#include <string_view>

namespace ff::detail {

/// `lockable` false marks the file of a writer that could not lock it, which cannot be told from a
/// dead one's by its lock. `most_bytes` is the longest name that the folder takes; the target's
/// name is cut to fit.
[[nodiscard]] std::string temporary_name(const std::string& target,
                                         bool lockable,
                                         size_t most_bytes);

enum class TemporaryKind {
  kNone,       ///< not one of our names
  kThisBoot,   ///< of this start of this machine, and locked while it is being written
  kElsewhere,  ///< of another machine or start, or not lockable
};
[[nodiscard]] TemporaryKind temporary_kind(std::string_view name);

}  // namespace ff::detail
