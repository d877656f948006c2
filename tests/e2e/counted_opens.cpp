// SPDX-License-Identifier: MIT
// Preloaded into a program and all that it starts: writes one byte to the file FF_OPENS whenever a
// file whose path ends with FF_COUNTED is opened.
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

namespace {

using Open = int (*)(const char*, int, ...);

void note(const char* path) {
  const char* counted = std::getenv("FF_COUNTED");
  const char* opens = std::getenv("FF_OPENS");
  if (counted == nullptr || opens == nullptr) {
    return;
  }
  const size_t length = std::strlen(path);
  const size_t suffix = std::strlen(counted);
  if (length < suffix || std::strcmp(path + length - suffix, counted) != 0) {
    return;
  }
  static const auto real = reinterpret_cast<Open>(::dlsym(RTLD_NEXT, "open"));
  const int fd = real(opens, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd >= 0 && ::write(fd, ".", 1) == 1) {
    ::close(fd);
  }
}

int open_as(const char* name, const char* path, int flags, mode_t mode) {
  note(path);
  return reinterpret_cast<Open>(::dlsym(RTLD_NEXT, name))(path, flags, mode);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_as("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_as("open64", path, flags, mode);
}

int __open_2(const char* path, int flags) {
  return open_as("open", path, flags, 0);
}

int __open64_2(const char* path, int flags) {
  return open_as("open64", path, flags, 0);
}

}  // extern "C"
