// SPDX-License-Identifier: MIT
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"
#include "flops_fit/util/units.h"

#include <stdexcept>

TEST_CASE("numbers are written as people write them, and read back as the same", "[util]") {
  CHECK(ff::format_number(1e12) == "1e12");
  CHECK(ff::format_number(0.3) == "0.3");
  CHECK(ff::format_number(2.5e-5) == "2.5e-5");
  for (const double x : {1e12, 0.1, 1.0 / 3, 6.02e23, 1e-300, 123456789.0, -4.5}) {
    CHECK(std::stod(ff::format_number(x)) == x);
  }
  CHECK(ff::format_count(999) == "999");
  CHECK(ff::format_count(5952) == "5.95k");
  CHECK(ff::format_count(999'600) == "1.00M");
  CHECK(ff::format_count(16.04e9) == "16.0G");
  CHECK(ff::format_bytes(212.4 * 1024 * 1024) == "212 MiB");
  CHECK(ff::format_bytes(1.26 * 1024 * 1024 * 1024) == "1.3 GiB");
  CHECK(ff::format_flops(3e10) == "3e10");
  CHECK(ff::format_flops(2.123e13) == "2.12e13");
  CHECK(ff::format_duration(4.26) == "4.3s");
  CHECK(ff::format_duration(200) == "3m 20s");
  CHECK(ff::format_duration(7500) == "2h 05m");
  CHECK(ff::format_duration(273600) == "3d 4h");
  CHECK(ff::format_duration(2.45e11) == "7.76kyr");
}

TEST_CASE("a file is replaced whole or not at all", "[util]") {
  const ff::test::TemporaryFolder folder;
  const auto file = folder / "deep/er/a.txt";
  ff::write_file_atomically(file, "one");
  ff::write_file_atomically(file, "two");
  CHECK(ff::read_file(file) == "two");
  const auto fail = [](const std::filesystem::path& temporary) {
    ff::test::write_text(temporary, "half");
    throw std::runtime_error("the writer failed");
  };
  CHECK_THROWS(ff::write_atomically(file, fail));
  CHECK(ff::read_file(file) == "two");
  // No temporary file is left behind.
  CHECK(std::distance(std::filesystem::directory_iterator(file.parent_path()), {}) == 1);
  CHECK_THROWS_AS(ff::write_file_atomically("/proc/no/such/a.txt", "x"), ff::Error);
  CHECK_THROWS_AS(ff::read_file(folder / "none"), ff::FileError);
  CHECK_THROWS_AS(ff::read_file(folder.path()), ff::FileError);
}

TEST_CASE("each kind of error has its exit code", "[util]") {
  CHECK(ff::Error("x").exit_code() == ff::ExitCode::kRuntimeFailure);
  CHECK(ff::ConfigError("x").exit_code() == ff::ExitCode::kUsage);
  CHECK(ff::FileError("x").exit_code() == ff::ExitCode::kBadInput);
  CHECK(ff::TooLittleDataError("x").exit_code() == ff::ExitCode::kTooLittleData);
}

TEST_CASE("the hash is FNV-1a", "[util]") {
  CHECK(ff::fnv1a("") == 0xcbf29ce484222325ULL);  // the published test vectors
  CHECK(ff::fnv1a("a") == 0xaf63dc4c8601ec8cULL);
  CHECK(ff::fnv1a("foobar") == 0x85944171f73967e8ULL);
  CHECK(ff::hash_text(255) == "00000000000000ff");
}
