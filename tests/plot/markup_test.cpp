// SPDX-License-Identifier: MIT
#include "flops_fit/plot/markup.h"

#include "support/catch.h"

using namespace ff::plot;

TEST_CASE("powers of ten are written as people write them", "[plot]") {
  CHECK(power_text(1e12) == "10^{12}");
  CHECK(power_text(3e11) == "3×10^{11}");
  CHECK(power_text(3.129e12) == "3.13×10^{12}");
  CHECK(power_text(9.9999e11) == "10^{12}");
  CHECK(power_text(0.4104) == "0.4104");
  CHECK(power_text(-0.1468) == "−0.1468");
  CHECK(power_text(2.5e-5) == "2.5×10^{−5}");
  CHECK(power_text(0) == "0");
}

TEST_CASE("markup becomes gnuplot, HTML and plain text", "[plot]") {
  const std::string text = "N_{opt} < 10^{11} it's";
  CHECK(to_gnuplot(text) == R"("N_{opt} < 10^{11} it\047s")");
  CHECK(to_html(text) == "N<sub>opt</sub> &lt; 10<sup>11</sup> it&#39;s");
  CHECK(to_plain(text) == "N_opt < 10^11 it's");
}

TEST_CASE("text from files stays literal", "[plot]") {
  CHECK(to_gnuplot(literal("r_7 {a} @&~\\n")) ==
        R"("r\134\1377 \134\173a\134\175 \134\100\134\046\134\176{\134U+005C}n")");
  CHECK(to_gnuplot(literal("a_{b}")) == R"("a\134\137\134\173b\134\175")");
  CHECK(to_gnuplot(literal("`a`\"b\"''")) == R"("\140a\140\042b\042\047\047")");
  CHECK(to_html(literal("a^{b}")) == "a^{b}");
  CHECK(to_plain("tab\tand\nnewline") == "tab and newline");
  CHECK(escape_html("<script>&\"'") == "&lt;script&gt;&amp;&quot;&#39;");
}
