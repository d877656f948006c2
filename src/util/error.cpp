// SPDX-License-Identifier: MIT
#include "flops_fit/util/error.h"

#include <cerrno>
#include <system_error>

namespace ff {

void throw_system_error(const std::filesystem::path& path, std::string_view what, int code) {
  const std::string message =
      fmt::format("{}: cannot {}: {}.", path.string(), what, std::generic_category().message(code));
  switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EIO:
    case ESTALE:
    case ENODEV:
    case EFBIG:  // ulimit -f
      throw StorageError(message);
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case ENOLCK:
      throw ResourceError(message);
    default:
      throw PathError(message);
  }
}

}  // namespace ff
