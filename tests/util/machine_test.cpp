// SPDX-License-Identifier: MIT
#include "flops_fit/util/machine.h"

#include "support/catch.h"

TEST_CASE("fields of /proc/cpuinfo and /proc/meminfo are found by name", "[util]") {
  const char* cpuinfo =
      "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7B13\n"
      "flags\t\t: fpu avx2 fma\n\nprocessor\t: 1\nmodel name\t: another\n";
  CHECK(ff::cpuinfo_field(cpuinfo, "model name") == "AMD EPYC 7B13");
  CHECK(ff::cpuinfo_field(cpuinfo, "model") == "1");
  CHECK(ff::cpuinfo_field(cpuinfo, "flags") == "fpu avx2 fma");
  CHECK(ff::cpuinfo_field(cpuinfo, "Features").empty());
  const char* meminfo = "MemTotal:       24543332 kB\nMemFree: 1 kB\nMemAvailable: 12 kB\n";
  CHECK(ff::meminfo_bytes(meminfo, "MemTotal") == int64_t{24543332} * 1024);
  CHECK(ff::meminfo_bytes(meminfo, "MemAvailable") == 12 * 1024);
  CHECK(ff::meminfo_bytes(meminfo, "SwapTotal") == 0);
}

TEST_CASE("sizes, lists and quotas of /sys are read", "[util]") {
  CHECK(ff::size_bytes("32K") == 32 * 1024);
  CHECK(ff::size_bytes("8M") == 8 * 1024 * 1024);
  CHECK(ff::size_bytes("") == 0);
  CHECK(ff::cpu_list_size("0-3,8") == 5);
  CHECK(ff::cpu_list_size("0") == 1);
  CHECK(ff::cpu_list_size("") == 0);
  CHECK(ff::quota_cores("150000 100000\n") == 1.5);
  CHECK_FALSE(ff::quota_cores("max 100000\n"));
  CHECK_FALSE(ff::quota_cores(""));
}

TEST_CASE("busy cores are what is neither idle nor waiting", "[util]") {
  // Two cores for a second: 200 ticks, of which 50 user, 20 stolen, 10 waiting, 120 idle.
  const auto busy = ff::busy_between("cpu  100 0 0 1000 5 0 0 7 0 0\ncpu0 1\ncpu1 1\nintr 5\n",
                                     "cpu  150 0 0 1120 15 0 0 27 0 0\ncpu0 1\ncpu1 1\nintr 9\n");
  REQUIRE(busy);
  CHECK(busy->busy == Approx(0.7));
  CHECK(busy->stolen == Approx(0.2));
  CHECK_FALSE(ff::busy_between("", ""));
  CHECK_FALSE(ff::busy_between("cpu 1 1 1 1 1 1 1 1\n", "cpu 1 1 1 1 1 1 1 1\n"));
}

TEST_CASE("this machine has cores and memory", "[util]") {
  const ff::Machine machine = ff::read_machine();
  CHECK(machine.allowed_cores >= 1);
  CHECK(machine.present_cores >= machine.allowed_cores);
  CHECK(machine.memory_bytes > 0);
  CHECK_FALSE(machine.cpu_model.empty());
  CHECK_FALSE(machine.has_flag("no such flag"));
}
