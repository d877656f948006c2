// SPDX-License-Identifier: MIT
// What reaches stdout and stderr: all of it or an error, and nothing that a terminal obeys.
#include "desk.h"
#include "support/catch.h"

#include <algorithm>
#include <string>

using ff::test::Desk;
using ff::test::write_text;

namespace {

void check_one_line(const ff::test::ShellOutcome& outcome, int code, const std::string& text) {
  INFO(outcome.err);
  CHECK(outcome.code == code);
  CHECK_THAT(outcome.err, ContainsSubstring(text));
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("output that cannot be written is an error, however short it is", "[config]") {
  const Desk desk;
  for (const std::string arguments :
       {"", "--json", "--help", "--version", "--cfg job", "--list-keys", "-sc bash"}) {
    INFO(arguments);
    const std::string call = "$ff -q " + arguments;
    check_one_line(desk.shell(call + " >/dev/full"),
                   1,
                   "cannot write to standard output: No space left on device.");
    // The reader is gone before the program starts.
    check_one_line(desk.shell("{ sleep 0.1; " + call +
                              "; echo $? >&2; } 2>log | true; sleep 0.2; "
                              "tail -n1 log; head -n-1 log >&2; exit $(tail -n1 log)"),
                   1,
                   "cannot write to standard output: Broken pipe.");
  }
  // A failure keeps its own code and line.
  check_one_line(desk.shell("$ff -q seed=3 >/dev/full"), 3, "no such file");
}

TEST_CASE("errors that cannot be written do not change the exit code", "[config]") {
  const Desk desk;
  CHECK(desk.shell("$ff seed=3 2>/dev/full").code == 3);
  CHECK(desk.shell("$ff sede=3 2>/dev/full").code == 2);
  CHECK(desk.shell("$ff -m seed=7,8 2>/dev/full").code == 0);
}

TEST_CASE("programs whose standard descriptors are closed work, and write to no file of theirs",
          "[config]") {
  const Desk desk;
  for (const std::string closed : {"<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", "<&- >&- 2>&-"}) {
    INFO(closed);
    CHECK(desk.shell("$ff -v seed=6 \"tags=[a,b]\" " + closed).code == 0);
    CHECK(ff::read_file(desk.folder / "outputs/sweep.json") == "sweep");
  }
}

TEST_CASE("what a terminal obeys does not reach it", "[config]") {
  const Desk desk;
  const auto outcome = desk.shell(
      "$ff \"tags=['$(printf 'a\\033]0;owned\\007b')', '$(printf 'x\\302\\233y')', "
      "'$(printf 'x\\342\\200\\256y')', '$(printf 'x\\233y')', 'gr\xc3\xbc\xc3\x9f']\" seed=4");
  INFO(outcome.err);
  CHECK(outcome.code == 4);
  for (const std::string bad : {"\033", "\007", "\302\233", "\342\200\256", "\233y"}) {
    CHECK_THAT(outcome.err, !ContainsSubstring(bad));
  }
  CHECK_THAT(outcome.err, ContainsSubstring("tag a\\x1b]0;owned\\x07b"));
  CHECK_THAT(outcome.err, ContainsSubstring("tag x\\x9by"));
  CHECK_THAT(outcome.err, ContainsSubstring("tag x\\u202ey"));
  CHECK_THAT(outcome.err, ContainsSubstring("gr\xc3\xbc\xc3\x9f"));
  const auto refused = desk.shell("$ff \"$(printf 'sede\\033[31m=\\0331')\"");
  check_one_line(refused, 2, "\\x1b");
  CHECK_THAT(refused.err, !ContainsSubstring("\033"));
  const auto swept = desk.shell("$ff -q -m \"mode=mock,'$(printf 'a\\033b')'\"");
  CHECK_THAT(swept.err, !ContainsSubstring("\033"));
}

TEST_CASE("a preset's description is one line of its own in the list", "[config]") {
  const Desk desk;
  write_text(desk.folder / "conf/presets/a.yaml",
             "description: \"Q\\e]0;x\\a\\nforged\"\nplanner: {}\n");
  CHECK(desk.shell("$ff --list-presets").out == "a  Q\\x1b]0;x\\x07 forged\n");
}

TEST_CASE("a printed configuration holds nothing that a terminal obeys, and is read back",
          "[config]") {
  const Desk desk;
  const auto printed = desk.shell(
      "$ff --cfg job \"tags=['$(printf 'x\\302\\233y')', '$(printf 'x\\342\\200\\256y')', "
      "'$(printf 'x\\363\\240\\201\\201y')', 'gr\xc3\xbc\xc3\x9f']\"");
  CHECK(printed.code == 0);
  for (const std::string bad : {"\302\233", "\342\200\256", "\363\240\201\201"}) {
    CHECK_THAT(printed.out, !ContainsSubstring(bad));
  }
  CHECK_THAT(printed.out, ContainsSubstring(R"("x\x9by", "x\u202ey", "x\U000e0041y", "gr)"));
  write_text(desk.folder / "conf/again.yaml", printed.out);
  CHECK(desk.shell("$ff -cn again --cfg job").out == printed.out);
  const auto read = desk.shell("$ff -q -cn again seed=4");
  CHECK_THAT(read.err, ContainsSubstring("tag x\\x9by"));
}

TEST_CASE("what the file system library says is one clear line", "[config]") {
  const Desk desk;
  check_one_line(desk.shell("$ff -q seed=11 output_dir=none"),
                 1,
                 "ff-example: error: none/sweep.json: No such file or directory.");
}

TEST_CASE("a path that cannot be used is one line with the system's words", "[config]") {
  const Desk desk;
  const std::string longer(300, 'n');
  check_one_line(
      desk.shell("$ff -q seed=6 output_dir=" + longer), 1, "cannot create the folder: File name");
  check_one_line(desk.shell("$ff -q -cn " + longer), 2, "File name too long.");
  REQUIRE(desk.shell("ln -s loop loop; ln -s loop.yaml conf/loop.yaml").code == 0);
  check_one_line(desk.shell("$ff -q seed=6 output_dir=loop"), 1, "levels of symbolic links");
  check_one_line(desk.shell("$ff -q -cn loop"), 2, "levels of symbolic links");
  check_one_line(desk.shell("$ff -q -cd loop"), 2, "levels of symbolic links");
  check_one_line(desk.shell("$ff -q hydra.run.dir=loop/x"), 2, "levels of symbolic links");
  check_one_line(desk.shell("$ff -q -m seed=6,7 hydra.run.dir=loop/x"), 1, "symbolic links");
  check_one_line(desk.shell("mkdir gone; cd gone; rmdir ../gone; $ff -q; r=$?; cd ..; exit $r"),
                 1,
                 "the current folder: No such file or directory. Was it removed?");
  CHECK(desk.shell("mkdir gone; cd gone; rmdir ../gone; $ff --version").code == 0);
}

TEST_CASE("a folder that may not be read is not one that is missing", "[config]") {
  const Desk desk;
  // Root may read everything: a namespace of a user without its rights may not.
  const std::string nobody = "unshare -U ";
  if (desk.shell(nobody + "true").code != 0) {
    WARN("no user namespaces here");
    return;
  }
  REQUIRE(desk.shell("mkdir -p private/in; touch private/in/mine.yaml; chmod 0 private").code == 0);
  const auto denied = [&](const std::string& arguments, int code) {
    check_one_line(desk.shell(nobody + "$ff -q " + arguments), code, "Permission denied.");
  };
  denied("-cd private/in", 2);
  denied("-cn ./private/in/mine", 2);
  denied("output_dir=private/in/out seed=6", 1);
  denied("output_dir=private/in seed=11", 1);
}
