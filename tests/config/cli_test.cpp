// SPDX-License-Identifier: MIT
// The command line as a user sees it: the example program is run in a folder of its own.
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/version.h"

#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/wait.h>

namespace {

namespace fs = std::filesystem;
using ff::test::shell_quoted;
using ff::test::TemporaryFolder;
using ff::test::write_text;

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

/// A folder with a conf/ of its own; programs run in it.
struct Desk {
  TemporaryFolder folder;

  Outcome run(const std::string& arguments, const std::string& environment = "") const {
    const std::string command = "cd " + shell_quoted(folder.path()) + " && " + environment +
                                " FLOPS_FIT_CONF=" + shell_quoted(folder / "conf") + " " +
                                shell_quoted(FF_EXAMPLE_PROGRAM) + " " + arguments +
                                " >out.txt 2>err.txt";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            ff::read_file(folder / "out.txt"),
            ff::read_file(folder / "err.txt")};
  }
};

}  // namespace

TEST_CASE("a run prints data on stdout and the log on stderr", "[config]") {
  const Desk desk;
  write_text(desk.folder / "conf/planner.yaml", "seed: 9\n");
  Outcome outcome = desk.run("");
  CHECK(outcome.code == 0);
  CHECK(outcome.out == "9 outputs text\n");
  CHECK(outcome.err == "seed 9\n");
  outcome = desk.run("seed=10 --json --dry-run --worker DIR -v output_dir=x");
  CHECK(outcome.out == "10 x json dry worker=DIR\n");
  CHECK(outcome.err == "seed 10\ndebug: details\n");
  CHECK(desk.run("-q").err.empty());
  CHECK(desk.run("-q -v").code == 2);
}

TEST_CASE("every error is one line and its exit code", "[config]") {
  const Desk desk;
  write_text(desk.folder / "conf/planner.yaml", "");
  const auto check = [&](const std::string& arguments, int code, const std::string& line) {
    INFO(arguments);
    const Outcome outcome = desk.run("-q " + arguments);
    CHECK(outcome.code == code);
    CHECK_THAT(outcome.err, ContainsSubstring("ff-example: error: " + line));
    CHECK(outcome.err.find('\n') + 1 == outcome.err.size());
    CHECK(outcome.out.empty());
  };
  check("seed=3", 3, "sweep.json: no such file; run ff-plan first.");
  check("seed=1", 1, "boom");
  check("seed=2", 1, "out of memory.");
  check("sede=1", 2, "override 'sede=1': unknown key sede. Did you mean seed?");
  check("seed=1,2", 2, "override 'seed=1,2': the value is ambiguous.");
  check("--nonsense", 2, "");
  check("--config-name", 2, "");
  check("--config-name=none", 2, "--config-name: there is no configuration none.");
  check("--cfg all", 2, "--cfg all: only --cfg job is supported");
  check("word", 2, "override 'word', column 5: expected '='");
  check("-cd /nowhere/x", 2, "--config-dir /nowhere/x: there is no such folder.");
  CHECK(desk.run("seed=4").code == 4);
}

TEST_CASE("flags that answer at once: --version, --help and others", "[config]") {
  const Desk desk;
  // No conf folder: these must not look for one.
  CHECK(desk.run("--version").out == std::string("ff-example ") + ff::version() + "\n");
  const Outcome help = desk.run("--help");
  CHECK(help.code == 0);
  for (const std::string part : {"Shows how a program",
                                 "Usage: ff-example [options] [key=value ...]",
                                 "ff-example -m seed=7,8",
                                 "--config-name NAME",
                                 "--worker DIR",
                                 "--dry-run",
                                 "compute:",
                                 "min_flops",
                                 "Exit codes: 0 ok",
                                 "writes nothing"}) {
    INFO(part);
    CHECK_THAT(help.out, ContainsSubstring(part));
  }
  for (const std::string part : {"--secret", "--pipeline", "--list-keys"}) {
    CHECK_THAT(help.out, !ContainsSubstring(part));
  }
  for (size_t start = 0; start < help.out.size();) {
    const size_t end = help.out.find('\n', start);
    CHECK(end - start <= 100);
    start = end + 1;
  }
  CHECK(desk.run("-h").out == help.out);
  CHECK(desk.run("--help seed=1").out == help.out);
  const Outcome group = desk.run("--help compute");
  CHECK_THAT(group.out, ContainsSubstring("num_budgets"));
  CHECK_THAT(group.out, !ContainsSubstring("widths"));
  CHECK(desk.run("--help compte").code == 2);
  CHECK_THAT(desk.run("--list-keys").out, ContainsSubstring("compute.num_budgets\n"));
  CHECK_THAT(desk.run("--print-defaults").out, ContainsSubstring("  min_flops: 1e12\n"));
  CHECK_THAT(desk.run("-sc bash").out, ContainsSubstring("complete -o default -F _ff_example"));
}

TEST_CASE("the flag --cfg job prints YAML that composes to itself", "[config]") {
  const Desk desk;
  write_text(desk.folder / "conf/planner.yaml", "");
  const Outcome first = desk.run("--cfg job seed=7 output_dir=here");
  CHECK(first.code == 0);
  CHECK(first.err.empty());
  CHECK_THAT(first.out, ContainsSubstring("sweep_path: here/sweep.json\n"));
  write_text(desk.folder / "conf/planner.yaml", first.out);
  CHECK(desk.run("-c job").out == first.out);
}

TEST_CASE("presets by name, listed with their description", "[config]") {
  const Desk desk;
  write_text(desk.folder / "conf/planner.yaml", "");
  write_text(desk.folder / "conf/presets/fast.yaml",
             "description: Quick.\nplanner: {seed: 77}\ntrainer: {x: 1}\n");
  CHECK(desk.run("-q -cn fast").out == "77 outputs text\n");
  CHECK(desk.run("-q -cn=presets/fast").out == "77 outputs text\n");
  CHECK(desk.run("--list-presets").out == "fast  Quick.\n");
  write_text(desk.folder / "own/mine.yaml", "seed: 55\n");
  CHECK(desk.run("-q -cd own --config-name mine").out == "55 outputs text\n");
  CHECK(desk.run("-q --config-path own -cn mine").out == "55 outputs text\n");
  CHECK(desk.run("-q -cp own -cn fast").code == 2);
  CHECK(desk.run("-q -cn ./own/mine.yaml").out == "55 outputs text\n");
}

TEST_CASE("the flag --pipeline leaves out what other stages know", "[config]") {
  const Desk desk;
  write_text(desk.folder / "conf/planner.yaml", "");
  CHECK(desk.run("-q --pipeline seed=7 resume=false trainer.lr=1 planner.output_dir=p").out ==
        "7 p text\n");
  CHECK(desk.run("resume=false").code == 2);
  const Outcome outcome = desk.run("--pipeline resme=false");
  CHECK(outcome.code == 2);
  CHECK_THAT(outcome.err, ContainsSubstring("no stage has a key resme. Did you mean resume?"));
}

TEST_CASE("the flag --multirun runs every combination in a folder of its own", "[config]") {
  const Desk desk;
  write_text(desk.folder / "conf/planner.yaml", "");
  Outcome outcome = desk.run("-q -m seed=7,8 mode=mock,api");
  CHECK(outcome.code == 0);
  CHECK(outcome.err ==
        "#0 : seed=7 mode=mock\n#1 : seed=7 mode=api\n#2 : seed=8 mode=mock\n#3 : seed=8 "
        "mode=api\n");
  CHECK_THAT(outcome.out, ContainsSubstring("7 multirun/"));
  CHECK_THAT(outcome.out, ContainsSubstring("/3 text\n"));
  CHECK(desk.run("-q -m seed=7,8 'output_dir=mine/${seed}' --json").out ==
        "7 mine/7 json\n8 mine/8 json\n");
  CHECK(desk.run("-q -m seed=7,4,3,9").code == 3);
  // A fault in the last job is found before the first one runs.
  outcome = desk.run("-q -m seed=7,abc");
  CHECK(outcome.code == 2);
  CHECK(outcome.out.empty());
}

TEST_CASE("hydra.run.dir and output_subdir are honoured", "[config]") {
  const Desk desk;
  write_text(desk.folder / "conf/planner.yaml",
             "hydra: {run: {dir: deep/run}, output_subdir: .hydra, job: {name: x}}\n");
  const Outcome outcome = desk.run("-q seed=7 \"tags=['a b']\"");
  CHECK(outcome.code == 0);
  CHECK_THAT(outcome.err, ContainsSubstring("warning: "));
  CHECK_THAT(outcome.err, ContainsSubstring("hydra.job.name"));
  const fs::path written = desk.folder / "deep/run/.hydra";
  CHECK_THAT(ff::read_file(written / "config.yaml"), ContainsSubstring("seed: 7\n"));
  CHECK(ff::read_file(written / "overrides.yaml") == "- \"seed=7\"\n- \"tags=['a b']\"\n");
}

TEST_CASE("what a program refuses to show is refused before anything is written", "[config]") {
  const Desk desk;
  write_text(desk.folder / "conf/planner.yaml",
             "hydra: {run: {dir: run}, output_subdir: .hydra}\n");
  write_text(desk.folder / "conf/leak.yaml", "tags: [secret]\n");
  for (const std::string call : {"-q tags=[secret]",
                                 "-q tags=[secret] tags=[]",
                                 "-q -cn leak",
                                 "-q tags=[secret] --cfg job",
                                 "-q tags=[secret] --dry-run",
                                 "-q -m seed=7,8 tags=[secret] 'hydra.run.dir=run/${seed}'",
                                 "-q -m seed=7,8 tags=[secret],[] 'hydra.run.dir=run/${seed}'"}) {
    INFO(call);
    const Outcome outcome = desk.run(call);
    INFO(outcome.err);
    CHECK(outcome.code == 2);
    CHECK_THAT(outcome.err, ContainsSubstring("tags: that must not be written down."));
    CHECK_THAT(outcome.out + outcome.err, !ContainsSubstring("secret"));
    CHECK_FALSE(fs::exists(desk.folder / "run"));
    CHECK_FALSE(fs::exists(desk.folder / "multirun"));
  }
  CHECK(desk.run("-q tags=[open]").code == 0);
  CHECK(fs::exists(desk.folder / "run/.hydra/overrides.yaml"));
}
