// SPDX-License-Identifier: MIT
#include "flops_fit/roofline/table.h"

#include "support/catch.h"

#include <algorithm>

using namespace ff::roofline;

TEST_CASE("numbers have the largest prefix of which there is at least one", "[roofline]") {
  CHECK(with_si_prefix(995, "FLOPs") == "995.00 FLOPs");
  CHECK(with_si_prefix(996, "FLOPs") == "1.00 kFLOPs");  // 0.996 is written 1.00
  CHECK(with_si_prefix(1.5e12, "FLOPs") == "1.50 TFLOPs");
  CHECK(with_si_prefix(2.5e33, "FLOPs") == "2500.00 QFLOPs");
  CHECK(with_si_prefix(0.9999, "FLOPs") == "999.90 mFLOPs");
  CHECK(with_si_prefix(0.00000834, "FLOPs/Bytes") == "8.34 \u03bcFLOPs/Bytes");
  CHECK(with_si_prefix(5e-9, "s") == "5.00 ns");
  CHECK(with_si_prefix(0, "B") == "0.00 B");
  CHECK(with_iec_prefix(0) == "0.00 B");
  CHECK(with_iec_prefix(1018 * 1024) == "1018.00 KiB");
  CHECK(with_iec_prefix(1020 * 1024) == "1.00 MiB");
  CHECK(with_iec_prefix(0.5) == "0.50 B");
}

TEST_CASE("decimals are rounded as printf rounds them", "[roofline]") {
  CHECK(with_si_prefix(714.375, "") == "714.38 ");
  CHECK(with_si_prefix(3.125, "") == "3.12 ");
}

TEST_CASE("a name in a table neither ends its line nor moves the terminal", "[roofline]") {
  const std::vector<Column> columns = {{"Name", Align::kLeft}};
  const std::vector<std::vector<std::string>> rows = {{"a\n| forged |\x1b[2J"}};
  const std::string table = pipe_table(columns, rows);
  CHECK(std::count(table.begin(), table.end(), '\n') == 3);
  CHECK(table.find('\x1b') == std::string::npos);
}

TEST_CASE("a table's widths count characters, not bytes", "[roofline]") {
  const std::vector<Column> columns = {{"Name", Align::kLeft}, {"Number"}};
  const std::vector<std::vector<std::string>> rows = {{"a", "1 \u03bcs"}, {}, {"longer name", "2"}};
  CHECK(pipe_table(columns, rows) ==
        "| Name        |   Number |\n"
        "|-------------|----------|\n"
        "| a           |     1 \u03bcs |\n"
        "|             |          |\n"
        "| longer name |        2 |\n");
}
