// SPDX-License-Identifier: MIT
#include "flops_fit/config/compose.h"

#include "sample.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/config/interpolate.h"
#include "flops_fit/config/load.h"
#include "flops_fit/config/pipeline.h"
#include "flops_fit/util/error.h"

#include <cstdlib>
#include <filesystem>

using namespace ff::config;
using ff::ConfigError;
using ff::test::message_of;
using ff::test::SampleConfig;
using ff::test::SampleTrainer;
using ff::test::TemporaryFolder;
using ff::test::write_text;

namespace {

/// A folder of configuration files and what composes from it.
struct Conf {
  TemporaryFolder folder;

  void file(const std::string& name, const std::string& text) const {
    write_text(folder / name, text);
  }
  ComposeRequest request(const std::string& name = "",
                         const std::vector<std::string>& overrides = {}) const {
    return {.stage = "planner",
            .schema = describe<SampleConfig>(),
            .stages = {"planner", "trainer", "analyzer"},
            .search_path = {folder.path()},
            .config_name = name,
            .overrides = overrides};
  }
  SampleConfig load_sample(const std::string& name = "",
                           const std::vector<std::string>& overrides = {}) const {
    return load<SampleConfig>(compose(request(name, overrides)).tree);
  }
  std::string fault(const std::string& name = "",
                    const std::vector<std::string>& overrides = {}) const {
    return message_of<ConfigError>([&] { (void)load_sample(name, overrides); });
  }
};

Node resolved(const std::string& yaml) {
  Node tree = parse_yaml(yaml, "f.yaml");
  resolve(tree);
  return tree;
}

std::string resolve_fault(const std::string& yaml) {
  return message_of<ConfigError>([&] { (void)resolved(yaml); });
}

}  // namespace

TEST_CASE("interpolations resolve to values and into text", "[config]") {
  ::setenv("FF_TEST_VARIABLE", "7", 1);
  ::unsetenv("FF_TEST_UNSET");
  const Node tree = resolved(
      "dir: out\n"
      "path: ${dir}/x-${g.n}.json\n"
      "g: {n: 5, same: '${.n}', up: '${..dir}', deep: {top: '${...dir}', near: '${..n}'}}\n"
      "group: ${g.deep}\n"
      "chain: ${path}\n"
      "list: ['${dir}', 1]\n"
      "item: ${list.0}\n"
      "env: ${oc.env:FF_TEST_VARIABLE}\n"
      "fallback: ${oc.env:FF_TEST_UNSET, me}\n"
      "quoted: \"${oc.env:FF_TEST_UNSET,'null'}\"\n"
      "none: ${oc.env:FF_TEST_UNSET,null}\n"
      "key: dir\n"
      "nested: ${${key}}\n"
      "nested_env: ${oc.env:FF_TEST_UNSET,${dir}}\n"
      "literal: a\\${dir}\n"
      "copy: ${literal}\n"
      "plain: $HOME {x}\n");
  const auto text = [&](const std::string& key) { return tree.find_path(key)->text; };
  CHECK(text("path") == "out/x-5.json");
  CHECK(text("g.same") == "5");
  CHECK_FALSE(tree.find_path("g.same")->quoted);
  CHECK(text("g.up") == "out");
  CHECK(text("g.deep.top") == "out");
  CHECK(text("g.deep.near") == "5");
  CHECK(text("group.near") == "5");
  CHECK(text("chain") == "out/x-5.json");
  CHECK(text("item") == "out");
  CHECK(text("env") == "7");
  CHECK(text("fallback") == "me");
  CHECK(tree.find("quoted")->is_scalar());
  CHECK(tree.find("none")->is_null());
  CHECK(text("nested") == "out");
  CHECK(text("nested_env") == "out");
  CHECK(text("literal") == "a${dir}");
  CHECK(text("copy") == "a${dir}");
  CHECK(text("plain") == "$HOME {x}");
}

TEST_CASE("faults of interpolations", "[config]") {
  CHECK(resolve_fault("a: ${b}\n") ==
        "f.yaml:1: the interpolation ${b} names the key b, which does not exist.");
  CHECK(resolve_fault("a: ${b}\nb: x${a}\n") ==
        "f.yaml:1: the interpolation runs in a circle: a -> b -> a.");
  CHECK_THAT(resolve_fault("g: {a: '${g}'}\n"), ContainsSubstring("runs in a circle"));
  CHECK(resolve_fault("a: ${oc.env:FF_TEST_UNSET}\n") ==
        "f.yaml:1: the environment variable FF_TEST_UNSET is not set. Set it, or give a default: "
        "${oc.env:FF_TEST_UNSET,default}.");
  CHECK(resolve_fault("l: [1]\na: x${l}\n") ==
        "f.yaml:2: ${l} stands inside text, but its value is [1].");
  CHECK_THAT(resolve_fault("a: ${foo:x}\n"), ContainsSubstring("unknown resolver in ${foo:x}"));
  CHECK_THAT(resolve_fault("a: 'x${b'\n"), ContainsSubstring("is never closed"));
}

TEST_CASE("without files the defaults compose, interpolations resolved", "[config]") {
  const Conf conf;
  const SampleConfig config = conf.load_sample("", {"output_dir=here"});
  CHECK(config.output.sweep_path == "here/sweep.json");
  CHECK(config.compute.num_budgets == 6);
}

TEST_CASE("the order is defaults, stage file, chosen file, overrides", "[config]") {
  const Conf conf;
  conf.file("planner.yaml", "seed: 1\nmode: local\ncompute: {num_budgets: 2, min_flops: 5}\n");
  conf.file("mine.yaml", "mode: api\ncompute: {num_budgets: 3}\n");
  const SampleConfig config = conf.load_sample("mine", {"compute.num_budgets=4"});
  CHECK(config.seed == 1);
  CHECK(config.mode == "api");
  CHECK(config.compute.num_budgets == 4);
  CHECK(config.compute.min_flops == 5);
  CHECK(config.compute.max_flops == 3e14);
  const Composition composed = compose(conf.request("mine"));
  REQUIRE(composed.files.size() == 2);
  CHECK(composed.files[1].filename() == "mine.yaml");
}

TEST_CASE("resolved YAML of a composition loads to the same configuration", "[config]") {
  const Conf conf;
  const SampleConfig config = conf.load_sample("", {"tags=['\\${x}',b]", "target=1e18"});
  CHECK(config.tags.front() == "${x}");
  conf.file("planner.yaml", dump_resolved_yaml(config));
  CHECK(dump_yaml(conf.load_sample()) == dump_yaml(config));
}

TEST_CASE("faults in files carry their place through composition", "[config]") {
  const Conf conf;
  conf.file("planner.yaml", "seed: 1\ncompute:\n  num_budgets: abc\n");
  CHECK_THAT(conf.fault(), ContainsSubstring("planner.yaml:3: compute.num_budgets: expected"));
  CHECK(conf.load_sample("", {"compute.num_budgets=2"}).compute.num_budgets == 2);
  conf.file("planner.yaml", "batch: 1\n");
  CHECK_THAT(conf.fault(), ContainsSubstring("planner.yaml:1: batch is not used here: set"));
  conf.file("planner.yaml", "see: 1\n");
  CHECK_THAT(conf.fault(),
             ContainsSubstring("planner.yaml:1: unknown key see. Did you mean seed?"));
  CHECK(conf.load_sample("", {"~see"}).seed == 42);
  CHECK_THAT(conf.fault("", {"seed=1,2"}), ContainsSubstring("the value is ambiguous"));
}

TEST_CASE("a missing configuration lists where it was sought and what there is", "[config]") {
  const Conf conf;
  conf.file("planner.yaml", "");
  conf.file("presets/cpu_fast.yaml", "planner: {}\n");
  const std::string message = conf.fault("nothing");
  CHECK_THAT(message, ContainsSubstring("--config-name: there is no configuration nothing."));
  CHECK_THAT(message, ContainsSubstring(conf.folder.path().string()));
  CHECK_THAT(message, ContainsSubstring("Available: planner, presets/cpu_fast."));
}

TEST_CASE("a preset is keyed by stage, and each stage takes its own section", "[config]") {
  const Conf conf;
  conf.file("planner.yaml", "seed: 5\n");
  conf.file("presets/cpu_fast.yaml",
            "description: Minutes on a laptop.\n"
            "planner: {compute: {num_budgets: 3}}\n"
            "trainer: {trainer: {lr: 0.5}, nonsense: 1}\n");
  for (const std::string name : {"presets/cpu_fast", "cpu_fast", "presets/cpu_fast.yaml"}) {
    const SampleConfig config = conf.load_sample(name);
    CHECK(config.compute.num_budgets == 3);
    CHECK(config.seed == 5);
  }
  const auto presets = list_presets({conf.folder.path()});
  REQUIRE(presets.size() == 1);
  CHECK(presets[0].name == "cpu_fast");
  CHECK(presets[0].description == "Minutes on a laptop.");

  conf.file("presets/bad.yaml", "planer: {}\n");
  CHECK_THAT(conf.fault("bad"),
             ContainsSubstring("bad.yaml:1: unknown section planer. A preset is keyed by stage: "
                               "planner, trainer, analyzer. Did you mean planner?"));
  conf.file("presets/flat.yaml", "planner: 5\n");
  CHECK_THAT(conf.fault("flat"), ContainsSubstring("planner: expected a group of keys, found 5"));
}

TEST_CASE("the stage of ff-train and its group of the same name are kept apart", "[config]") {
  const Conf conf;
  conf.file("presets/p.yaml", "trainer: {trainer: {lr: 0.5}}\n");
  conf.file("trainer.yaml", "trainer: {lr: 0.25}\n");
  conf.file("mine.yaml", "planner: {}\ntrainer: {resume: false}\n");
  ComposeRequest request = conf.request();
  request.stage = "trainer";
  request.schema = describe<SampleTrainer>();
  const auto load_trainer = [&](const std::string& name) {
    request.config_name = name;
    return load<SampleTrainer>(compose(request).tree);
  };
  CHECK(load_trainer("").trainer.lr == 0.25);
  CHECK(load_trainer("p").trainer.lr == 0.5);
  // Not in presets/, but keyed by stage.
  CHECK_FALSE(load_trainer("mine").resume);
}

TEST_CASE("defaults lists merge files in their order", "[config]") {
  const Conf conf;
  conf.file("base.yaml", "seed: 1\nmode: api\n");
  conf.file("last.yaml", "# @package _global_\n\ndefaults: [/base, _self_]\nmode: local\n");
  conf.file("first.yaml", "defaults:\n  - _self_\n  - base\nmode: local\n");
  CHECK(conf.load_sample("last").mode == "local");
  CHECK(conf.load_sample("last").seed == 1);
  CHECK(conf.load_sample("first").mode == "api");
  conf.file("planner.yaml", "seed: 9\n");
  conf.file("presets/p.yaml", "defaults: [/planner, /trainer, _self_]\nplanner: {mode: local}\n");
  CHECK(conf.load_sample("p").seed == 9);
  CHECK(conf.load_sample("p").mode == "local");
}

TEST_CASE("faults of defaults lists", "[config]") {
  const Conf conf;
  conf.file("base.yaml", "seed: 1\n");
  conf.file("no_self.yaml", "defaults: [base]\nmode: local\n");
  CHECK_THAT(conf.fault("no_self"),
             ContainsSubstring("no_self.yaml:1: the defaults list needs an entry _self_"));
  conf.file("only.yaml", "defaults: [base]\n");
  CHECK(conf.load_sample("only").seed == 1);
  conf.file("missing.yaml", "defaults: [nope]\n");
  CHECK_THAT(conf.fault("missing"),
             ContainsSubstring("missing.yaml:1: there is no configuration nope."));
  conf.file("optional.yaml", "defaults: [optional nope, optional g: x]\n");
  CHECK(conf.load_sample("optional").seed == 42);
  conf.file("packaged.yaml", "defaults: [base@x]\n");
  CHECK_THAT(conf.fault("packaged"), ContainsSubstring("packages (base@x) are not supported"));
  conf.file("package.yaml", "# @package foo.bar\nseed: 1\n");
  CHECK_THAT(conf.fault("package"), ContainsSubstring("packages (# @package foo.bar)"));
  conf.file("x.yaml", "defaults: [y]\n");
  conf.file("y.yaml", "defaults: [x]\n");
  CHECK_THAT(conf.fault("x"), ContainsSubstring("the defaults lists run in a circle"));
}

TEST_CASE("config groups are chosen in the defaults list and on the command line", "[config]") {
  const Conf conf;
  conf.file("compute/small.yaml", "num_budgets: 2\n");
  conf.file("compute/big.yaml", "num_budgets: 50\n");
  conf.file("extra/fast.yaml", "# @package _global_\nmode: api\n");
  conf.file("main.yaml", "defaults: [compute: small, _self_]\nseed: 3\n");
  CHECK(conf.load_sample("main").compute.num_budgets == 2);
  CHECK(conf.load_sample("main", {"compute=big"}).compute.num_budgets == 50);
  CHECK(conf.load_sample("main", {"+extra=fast"}).mode == "api");
  CHECK(conf.load_sample("main", {"compute=big", "compute.num_budgets=7"}).compute.num_budgets ==
        7);
  conf.file("over.yaml", "defaults: [main, override compute: big]\n");
  CHECK(conf.load_sample("over").compute.num_budgets == 50);
  CHECK_THAT(conf.fault("main", {"compute=huge"}),
             ContainsSubstring("the group compute has no option huge. There are: big, small."));
  CHECK_THAT(conf.fault("main", {"extra=fast"}),
             ContainsSubstring("no defaults list has the group extra. To add it, write +extra="));
  const auto glob =
      sweep_values(parse_override("compute=glob(*,exclude=b*)"), {conf.folder.path()});
  REQUIRE(glob.size() == 1);
  CHECK(glob[0].text == "small");
}

TEST_CASE("of a hydra section, run.dir and output_subdir count, the rest is reported", "[config]") {
  const Conf conf;
  conf.file("planner.yaml", "seed: 1\nhydra:\n  run:\n    dir: .\n  output_subdir: null\n");
  Composition composed = compose(conf.request());
  CHECK(composed.hydra.run_dir == ".");
  CHECK_FALSE(composed.hydra.output_subdir.has_value());
  CHECK(composed.warnings.empty());
  CHECK(composed.tree.find("hydra") == nullptr);
  conf.file("planner.yaml",
            "hydra: {run: {dir: 'runs/${seed}'}, output_subdir: .hydra, job: {chdir: true}, "
            "verbose: 1}\n");
  composed = compose(conf.request("", {"seed=4"}));
  CHECK(composed.hydra.run_dir == "runs/4");
  CHECK(composed.hydra.output_subdir == ".hydra");
  REQUIRE(composed.warnings.size() == 1);
  CHECK_THAT(composed.warnings[0], ContainsSubstring("hydra.job.chdir, hydra.verbose"));
  CHECK(compose(conf.request("", {"hydra.run.dir=x"})).hydra.run_dir == "x");
}

TEST_CASE("the search path", "[config]") {
  namespace fs = std::filesystem;
  ::unsetenv("FLOPS_FIT_CONF");
  const TemporaryFolder folder;
  const fs::path bin = folder / "repo/build/dev/bin";
  fs::create_directories(bin);
  write_text(folder / "repo/conf/planner.yaml", "");
  write_text(folder / "mine/planner.yaml", "seed: 1\n");
  const auto path = [&](const SearchPlaces& places) { return search_path(places); };
  CHECK(path({"", "", bin}) == std::vector<fs::path>{folder / "repo/conf"});
  CHECK(path({(folder / "mine").string(), "", bin}) ==
        std::vector<fs::path>{folder / "mine", folder / "repo/conf"});
  CHECK(path({"", (folder / "mine").string(), bin}) == std::vector<fs::path>{folder / "mine"});
  fs::create_directories(folder / "repo/build/dev/share/flops-fit/conf");
  CHECK(path({"", "", bin}).front() == folder / "repo/build/dev/share/flops-fit/conf");
  ::setenv("FLOPS_FIT_CONF", (folder / "mine").c_str(), 1);
  CHECK(path({"", "", bin}) == std::vector<fs::path>{folder / "mine"});
  ::setenv("FLOPS_FIT_CONF", (folder / "none").c_str(), 1);
  CHECK_THAT(message_of<ConfigError>([&] {
               (void)path({"", "", bin});
             }),
             ContainsSubstring("there is no such folder"));
  ::unsetenv("FLOPS_FIT_CONF");
  CHECK_THAT(message_of<ConfigError>([&] {
               (void)path({"/nowhere/x", "", bin});
             }),
             ContainsSubstring("--config-dir /nowhere/x: there is no such folder"));
  CHECK_THAT(message_of<ConfigError>([&] {
               (void)path({"", "/nowhere/x", bin});
             }),
             ContainsSubstring("--config-path /nowhere/x: there is no such folder"));
  CHECK(path({"", "", "/"}).empty());
}

TEST_CASE("a pipeline's overrides go to the stages that know them", "[config]") {
  const std::vector<StageSchema> stages = {schema_of<SampleConfig>("planner"),
                                           schema_of<SampleTrainer>("trainer")};
  using Texts = std::vector<std::string>;
  const auto route = [&](const std::string& stage, const Texts& overrides) {
    return route_overrides(stage, stages, overrides);
  };
  const Texts all = {"compute.num_budgets=3",
                     "resume=false",
                     "output_dir=x",
                     "planner.seed=7",
                     "trainer.lr=0.1",
                     "trainer.resume=true",
                     "batch=4",
                     "++planner.compute={min_flops:1}",
                     "mode=api",
                     "hydra.run.dir=."};
  // batch is refused by the planner and known to the trainer; mode the other way round.
  CHECK(route("planner", all) == Texts{"compute.num_budgets=3",
                                       "output_dir=x",
                                       "seed=7",
                                       "++compute={min_flops:1}",
                                       "mode=api",
                                       "hydra.run.dir=."});
  CHECK(route("trainer", all) == Texts{"resume=false",
                                       "output_dir=x",
                                       "trainer.lr=0.1",
                                       "resume=true",
                                       "batch=4",
                                       "hydra.run.dir=."});
  // Refused by the planner, unknown elsewhere: the planner reports it.
  CHECK(route("planner", {"hardware.gpu=1"}) == Texts{"hardware.gpu=1"});
  CHECK(route("trainer", {"hardware.gpu=1"}).empty());
  const auto fault = [&](const std::string& text) {
    return message_of<ConfigError>([&] { (void)route("planner", {text}); });
  };
  CHECK(fault("resme=1") == "override 'resme=1': no stage has a key resme. Did you mean resume?");
  CHECK(fault("planner.sede=1") ==
        "override 'planner.sede=1': the stage planner has no key sede. Did you mean seed?");
  CHECK_THAT(fault("trainer.lrr=1"), ContainsSubstring("the stage trainer has no key lrr"));
}
