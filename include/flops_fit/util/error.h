// SPDX-License-Identifier: MIT
#pragma once
// The one exception hierarchy. A message says where, which rule, what was found and what to do, in
// one line. Errors are thrown low and caught once, in apps/cli.cpp, which maps each kind to the
// documented exit code. Expected outcomes (a fit that did not converge, a run that diverged) are
// values, not exceptions.
#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace ff {

/// Exit codes of every program, as documented in --help and README.
enum class ExitCode : int {
  kOk = 0,
  kRuntimeFailure = 1,
  kUsage = 2,          ///< command line or configuration
  kBadInput = 3,       ///< an input file is missing, damaged or of an unknown version
  kSomeFailed = 4,     ///< finished, but experiments failed or are left; the results are kept
  kTooLittleData = 5,  ///< the data cannot support a fit
  kHungUp = 129,       ///< these three: stopped by SIGHUP, SIGINT or SIGTERM
  kInterrupted = 130,
  kTerminated = 143,
};

/// Base of all errors; on its own it means: failed at run time.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  virtual ExitCode exit_code() const { return ExitCode::kRuntimeFailure; }
};

/// The command line or the configuration is wrong.
class ConfigError : public Error {
 public:
  using Error::Error;
  ExitCode exit_code() const override { return ExitCode::kUsage; }
};

/// An input file is missing, unreadable, damaged, or not of a known format.
class FileError : public Error {
 public:
  using Error::Error;
  ExitCode exit_code() const override { return ExitCode::kBadInput; }
};

/// An input file is there, but the system does not let us read it now (no permission, an I/O error,
/// no descriptor, no memory). It may be whole, so nobody may treat it as damaged and replace it.
class UnreadableError : public FileError {
 public:
  using FileError::FileError;
};

/// The data are fine, but too few or too odd to support what was asked.
class TooLittleDataError : public Error {
 public:
  using Error::Error;
  ExitCode exit_code() const override { return ExitCode::kTooLittleData; }
};

/// A file cannot be written: the disk is full, or read-only, or gone. What holds for one file holds
/// for the next, so whoever writes many stops.
class StorageError : public Error {
 public:
  using Error::Error;
};

/// One path cannot be used (a file where a folder should be, no permission, a name too long, a
/// symbolic link where none may be). Others may work, so whoever writes many goes on without it.
class PathError : public Error {
 public:
  using Error::Error;
};

/// The system is short of descriptors, processes or memory. It may work with less at once, or
/// later.
class ResourceError : public Error {
 public:
  using Error::Error;
};

/// Throws what an `errno` of an operation on `path` means: StorageError, PathError or
/// ResourceError, with the message "<path>: cannot <what>: <the system's text>."
[[noreturn]] void throw_system_error(const std::filesystem::path& path,
                                     std::string_view what,
                                     int code);

/// Throws what an `errno` of opening or reading `path` means: FileError if there is no such file,
/// else UnreadableError, with a message as above.
[[noreturn]] void throw_read_error(const std::filesystem::path& path,
                                   std::string_view what,
                                   int code);

/// `throw error<ConfigError>("plan.sizes: expected {}, got {}", a, b)`.
template <class E = Error, class... Args>
[[nodiscard]] E error(fmt::format_string<Args...> format, Args&&... args) {
  return E(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace ff
