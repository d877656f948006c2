// SPDX-License-Identifier: MIT
// Pictures and reports on disks that fill, and when ff-visualize is stopped.
#include "support/catch.h"
#include "support/mounts.h"
#include "support/process.h"

#include <algorithm>

using ff::test::read_text;
using ff::test::run;
using ff::test::run_with_mounts;
using ff::test::TemporaryFolder;
using ff::test::write_text;
namespace fs = std::filesystem;

namespace {

/// results.json and the analysis of the Python tool, in outputs/.
void write_study(const fs::path& folder) {
  const fs::path golden = ff::test::source_dir() / "tests/golden/python_original";
  fs::create_directories(folder / "outputs/analysis");
  fs::copy(golden / "results.json", folder / "outputs/results.json");
  fs::copy(golden / "scaling_laws.json", folder / "outputs/analysis/scaling_laws.json");
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// Fills the file system of `disk` but for so many KiB.
std::string fill(const std::string& disk, int left_kib) {
  return "rm -f " + disk + "/fill; dd if=/dev/zero of=" + disk +
         "/fill bs=1k 2>/dev/null; truncate -s -" + std::to_string(left_kib) + "k " + disk +
         "/fill; ";
}

}  // namespace

TEST_CASE("fault: the disk is full when pictures are drawn", "[apps]") {
  const TemporaryFolder folder;
  write_study(folder.path());
  const std::string draw =
      "ff-visualize -q plots.dpi=100 plots.format=[FORMAT] "
      "paths.plots=disk/plots paths.report= > said 2>&1; ";
  std::string lines = "mkdir disk && mount -t tmpfs -o size=2m tmpfs disk && ";
  for (const std::string format : {"png", "svg", "pdf"}) {
    std::string command = draw;
    command.replace(command.find("FORMAT"), 6, format);
    lines += "rm -f disk/fill; " + command + "cp -r disk/plots before." + format + "; ";
    // Room for the data and the script, not for the picture.
    for (const int left_kib : {4, 12}) {
      lines += fill("disk", left_kib) + command + "echo " + format + " $? $(grep -c . said); " +
               "cat said; cmp disk/plots/isoflops_curves." + format + " before." + format +
               "/isoflops_curves." + format + " && ls -A disk/plots | grep tmp; ";
    }
  }
  const auto full = run_with_mounts(lines + "true", folder.path());
  if (!full) {
    return;
  }
  INFO(full->out << full->err);
  for (const std::string format : {"png", "svg", "pdf"}) {
    CHECK_THAT(full->out, ContainsSubstring(format + " 1 1\n"));
  }
  CHECK_THAT(full->out, ContainsSubstring("No space left on device"));
  CHECK_THAT(full->out, !ContainsSubstring(" 0 "));
  CHECK_THAT(full->out, !ContainsSubstring("tmp"));
  CHECK(full->err.empty());  // cmp's
}

TEST_CASE("a report that does not fit on the disk leaves the old one", "[apps]") {
  const TemporaryFolder folder;
  write_study(folder.path());
  const std::string draw =
      "ff-visualize -q plots.dpi=60 paths.plots=plots paths.report=disk/report.html";
  const auto full =
      run_with_mounts("mkdir disk && mount -t tmpfs -o size=1m tmpfs disk && " + draw +
                          " >/dev/null && cp disk/report.html old; " + fill("disk", 8) + draw +
                          "; echo code $?; cmp old disk/report.html && ls -A disk",
                      folder.path());
  if (!full) {
    return;
  }
  INFO(full->err);
  CHECK(full->out == "code 1\nfill\nreport.html\n");
  CHECK_THAT(full->err, ContainsSubstring("disk/report.html"));
  CHECK_THAT(full->err, ContainsSubstring("No space left on device"));
  CHECK_THAT(read_text(folder / "old"), ContainsSubstring("</svg>"));
}

TEST_CASE("fault: a picture is larger than ulimit -f", "[apps]") {
  const TemporaryFolder folder;
  write_study(folder.path());
  const std::string draw =
      "ff-visualize -q plots.dpi=300 paths.report= plots.figures=[scaling_laws]";
  REQUIRE(run(draw, folder.path()).exit_code == 0);
  const std::string before = read_text(folder / "outputs/plots/scaling_laws.png");
  // Blocks of 512 bytes, or of 1 KiB in bash: more than the script, less than the picture.
  const auto limited = run("ulimit -f 64; " + draw, folder.path());
  INFO(limited.err);
  CHECK(limited.exit_code == 1);
  CHECK_THAT(limited.err, ContainsSubstring("scaling_laws.png"));
  CHECK_THAT(limited.err, ContainsSubstring("File too large"));
  CHECK((read_text(folder / "outputs/plots/scaling_laws.png") == before));
  CHECK(names_in(folder / "outputs/plots").size() == 4);  // provenance.json, too
}

TEST_CASE("a picture that gnuplot has cut is not taken", "[apps]") {
  const TemporaryFolder folder;
  write_study(folder.path());
  const std::string draw = "ff-visualize -q plots.dpi=60 plots.format=[png,svg,pdf] ";
  REQUIRE(run(draw, folder.path()).exit_code == 0);
  const std::string before = read_text(folder / "outputs/plots/scaling_laws.png");
  const std::string real = run("command -v gnuplot", folder.path()).out;
  write_text(folder / "bin/gnuplot",
             "#!/bin/sh\n" + real.substr(0, real.find('\n')) + " \"$@\" | head -c 3000\n");
  fs::permissions(folder / "bin/gnuplot", fs::perms::owner_all);
  const auto cut = run("PATH=\"$PWD/bin:$PATH\" " + draw, folder.path());
  INFO(cut.err);
  CHECK(cut.exit_code == 1);
  CHECK_THAT(cut.err, ContainsSubstring("half a png"));
  CHECK((read_text(folder / "outputs/plots/scaling_laws.png") == before));
  const std::string report = read_text(folder / "outputs/report.html");
  CHECK_THAT(report, ContainsSubstring("Not drawn"));
  CHECK_THAT(report, !ContainsSubstring("<svg"));
}

TEST_CASE("a signal ends ff-visualize with its gnuplot, and leaves nothing half done", "[apps]") {
  const TemporaryFolder folder;
  write_study(folder.path());
  write_text(folder / "bin/gnuplot", "#!/bin/sh\necho $$ > pid.new\nmv pid.new pid\nsleep 1000\n");
  fs::permissions(folder / "bin/gnuplot", fs::perms::owner_all);
  fs::create_directories(folder / "scratch");
  const auto stopped =
      run("export PATH=\"$PWD/bin:$PATH\" TMPDIR=\"$PWD/scratch\"; ff-visualize -q & p=$!; "
          "for i in $(seq 500); do [ -e outputs/plots/pid ] && break; sleep 0.02; done; "
          "kill -TERM $p; wait $p; echo ended $?",
          folder.path());
  CHECK_THAT(stopped.out, ContainsSubstring("ended 143"));
  REQUIRE(fs::exists(folder / "outputs/plots/pid"));
  CHECK(run("for i in $(seq 100); do grep -q '^State:.[RSD]' /proc/$(cat outputs/plots/pid)/status "
            "2>/dev/null || exit 0; sleep 0.02; done; exit 1",
            folder.path())
            .exit_code == 0);
  CHECK(names_in(folder / "scratch").empty());
  CHECK(names_in(folder / "outputs/plots") ==
        std::vector<std::string>{"isoflops_curves.gp", "isoflops_curves.tsv", "pid"});
}

TEST_CASE("a label that ends in a backslash swallows nothing of the script", "[apps]") {
  const TemporaryFolder folder;
  const fs::path timing = ff::test::source_dir() / "tests/golden/hostile/backslash_timing.json";
  std::string tame = read_text(timing);
  const std::string label = R"(C:\\models\\llama\\)";
  REQUIRE(tame.find(label) != std::string::npos);
  tame.replace(tame.find(label), label.size(), "llama");
  write_text(folder / "tame.json", tame);
  fs::copy(timing, folder / "odd.json");
  for (const std::string name : {"tame", "odd"}) {
    const auto drawn =
        run("ff-visualize -q plots.dpi=60 roofline=" + name + ".json paths.plots=" + name,
            folder.path());
    INFO(drawn.err);
    REQUIRE(drawn.exit_code == 0);
  }
  // The label is no part of this picture, so that it must be the same.
  CHECK((read_text(folder / "odd/roofline.png") == read_text(folder / "tame/roofline.png")));
  CHECK_THAT(read_text(folder / "odd/roofline.gp"), ContainsSubstring("llama\\ .\nset lmargin"));
}

TEST_CASE("inputs that cannot be looked at get one clear line", "[apps]") {
  const TemporaryFolder folder;
  write_study(folder.path());
  const std::string name(300, 'x');
  for (const std::string key : {"results", "analysis"}) {
    const auto refused = run("ff-visualize -q paths." + key + "=" + name, folder.path());
    INFO(refused.err);
    CHECK(refused.exit_code == 3);
    CHECK_THAT(refused.err, !ContainsSubstring("filesystem error"));
    CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
  }
  // A plots folder that is a file, and one whose name is too long.
  write_text(folder / "taken", "mine");
  for (const std::string& plots : {std::string("taken"), std::string("taken/below"), name}) {
    const auto refused = run("ff-visualize -q paths.plots=" + plots, folder.path());
    INFO(refused.err);
    CHECK(refused.exit_code == 1);
    CHECK_THAT(refused.err, !ContainsSubstring("filesystem error"));
    CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
  }
  // The report's pictures need no scratch folder.
  CHECK(run("TMPDIR=/nonexistent ff-visualize -q plots.dpi=60", folder.path()).exit_code == 0);
}
