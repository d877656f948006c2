// SPDX-License-Identifier: MIT
#include "flops_fit/roofline/module_file.h"

#include "subprocess.h"

#include "flops_fit/cost/evaluate.h"
#include "flops_fit/io/json.h"

#include <algorithm>

namespace ff::roofline {
namespace {

namespace fs = std::filesystem;
using cost::Num;
using io::Json;

constexpr int64_t kProtocol = 1;

/// What all whole parameters are at one probe; truth values take turns.
constexpr std::array<int64_t, 8> kProbes = {1, 2, 3, 7, 8, 64, 1000, 4097};

std::vector<Num> probe_point(const cost::Module& module, size_t round) {
  std::vector<Num> out;
  for (size_t i = 0; i < module.parameters.size(); ++i) {
    const std::string& type = module.parameters[i].type;
    const int64_t base = kProbes[(round + (round >= kProbes.size() ? i : 0)) % kProbes.size()];
    if (type == "bool") {
      out.emplace_back(static_cast<int64_t>((round + i) % 2));
    } else if (type == "float") {
      out.push_back(Num(base) / 2);
    } else {
      out.emplace_back(base);
    }
  }
  return out;
}

std::string describe(const cost::Module& module, const std::vector<Num>& point) {
  std::string out;
  for (size_t i = 0; i < point.size(); ++i) {
    out += fmt::format(
        "{}{} = {}", out.empty() ? "" : ", ", module.parameters[i].name, point[i].to_string());
  }
  return out;
}

}  // namespace

cost::ModuleDb read_user_modules(const fs::path& path) {
  std::error_code ignored;
  if (path.empty() || !fs::exists(path, ignored)) {
    return {};
  }
  return cost::ModuleDb::parse(io::read_json(path, ""), path.string());
}

void write_user_modules(const fs::path& path, const cost::ModuleDb& db) {
  io::write_json(path, db.to_json());
}

void probe(const cost::Module& module, const cost::ModuleDb& db) {
  if (const auto formula = module.unfilled()) {
    throw error<FileError>("module {}: the formula {} is empty.", module.full_class_name, *formula);
  }
  for (size_t round = 0; round < 3 * kProbes.size(); ++round) {
    const std::vector<Num> point = probe_point(module, round);
    for (size_t i = 0; i < cost::kQuantities.size(); ++i) {
      try {
        const Num value = cost::evaluate_formula(db, module, i, point);
        if (value.is_negative()) {
          throw error<FileError>("module {}: {} is {}, less than nothing, at {}.",
                                 module.full_class_name,
                                 cost::kQuantities[i].key,
                                 value.to_string(),
                                 describe(module, point));
        }
      } catch (const cost::CountError& problem) {
        throw error<FileError>("{} (at {}).", problem.what(), describe(module, point));
      }
    }
  }
}

cost::Module ask_analyzer(const AnalyzerOptions& options,
                          const std::string& cls,
                          const std::vector<Instance>& instances,
                          const cost::ModuleDb& db) {
  const std::string name = fmt::format("{}", fmt::join(options.command, " "));
  Json question = {
      {"protocol", kProtocol},
      {"class", cls},
      {"instances", Json::array()},
      {"schema", cost::module_file_schema()["properties"]["modules"]["additionalProperties"]}};
  for (const Instance& instance : instances) {
    question["instances"].push_back({{"path", instance.path}, {"parameters", instance.parameters}});
  }
  const std::string answer =
      run_with_input(options.command, io::json_text(question) + "\n", options.timeout_s);
  const std::string where = fmt::format("the answer of {}", name);
  Json entry;
  try {
    entry = io::parse_json(answer);
  } catch (const io::JsonError& problem) {
    throw error<FileError>("{}: line {}: {}.", where, problem.line(), problem.what());
  }
  cost::Module module = cost::parse_module(cost::key_of_class(cls), entry, where);
  if (module.full_class_name != cls) {
    throw error<FileError>(
        "{}: is about {}, and {} was asked for.", where, module.full_class_name, cls);
  }
  module.origin = "external:" + name;
  module.human_validated = false;
  cost::ModuleDb with = db;
  with.put(module);
  probe(module, with);
  return module;
}

}  // namespace ff::roofline
