// SPDX-License-Identifier: MIT
#include "flops_fit/util/error.h"

#include <cerrno>
#include <system_error>

namespace ff {
namespace {

std::string message_of(const std::filesystem::path& path, std::string_view what, int code) {
  return fmt::format(
      "{}: cannot {}: {}.", path.string(), what, std::generic_category().message(code));
}

}  // namespace

void throw_system_error(const std::filesystem::path& path, std::string_view what, int code) {
  const std::string message = message_of(path, what, code);
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

void throw_read_error(const std::filesystem::path& path, std::string_view what, int code) {
  const std::string message = message_of(path, what, code);
  if (code == ENOENT || code == ENOTDIR) {
    throw FileError(message);
  }
  throw UnreadableError(message);
}

}  // namespace ff
