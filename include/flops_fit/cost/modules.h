// SPDX-License-Identifier: MIT
#pragma once
// The module database: what one call of a layer class costs, as formulas over the layer's
// parameters. The built-in one (src/cost/modules/builtin.json) is the only place in the program
// where these formulas stand; planner, trainer and ff-roofline evaluate it. Users add their own
// classes.
//
// A file, version 1 (also, description, per, definitions and source may be left out):
//   {"format": "flops-fit modules", "version": 1, "modules": {"my_Mixer": {
//      "full_class_name": "my.package.Mixer",
//      "also": [],                       other class paths of the same layer
//      "description": "...",
//      "parameters": [{"name": "tokens", "type": "int", "description": "..."}],
//      "per": "batch",                   or "query": evaluated for each query, and added
//      "definitions": {"area": "..."},   names for parts of formulas
//      "formulas": {"matmul_flops": "2 * {tokens} * {width} * {width}", ...},
//      "source": "...",                  where the formulas are from
//      "origin": "user",                 builtin, user, or external:COMMAND
//      "human_validated": false}}}
// An empty formula is one that is still to be written: it refuses to be evaluated.
#include "flops_fit/cost/expr.h"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ff::cost {

/// What a layer costs: FLOPs of matrix products (2mnk), other FLOPs, bytes of weights read, of
/// inputs read, of outputs written, bytes kept for the backward pass; parameters, and those of them
/// that one token uses.
struct Cost {
  Num matmul, elementwise, weight, read, write, saved, parameters, active_parameters;

  [[nodiscard]] Num flops() const { return matmul + elementwise; }
  [[nodiscard]] Num bytes() const { return weight + read + write; }
  Cost& operator+=(const Cost& other);
};
[[nodiscard]] Cost operator*(const Cost& cost, const Num& times);

struct Quantity {
  const char* key;  ///< of its formula
  Num Cost::*of;
  bool required;  ///< others are 0 (active_parameters: all) where an entry has no such formula
  const char* doc;
};
inline constexpr std::array kQuantities = {
    Quantity{"matmul_flops", &Cost::matmul, true, "FLOPs of matrix products, 2mnk each"},
    Quantity{"elementwise_flops", &Cost::elementwise, true, "all other FLOPs"},
    Quantity{"weight_bytes", &Cost::weight, true, "bytes of weights read"},
    Quantity{"read_bytes", &Cost::read, true, "bytes of inputs read, caches and indices too"},
    Quantity{"write_bytes", &Cost::write, true, "bytes of outputs written"},
    Quantity{"saved_bytes", &Cost::saved, true, "bytes of outputs that the backward pass reads"},
    Quantity{"parameters", &Cost::parameters, false, "parameters stored"},
    Quantity{"active_parameters", &Cost::active_parameters, false, "parameters one token uses"},
};

struct ModuleParameter {
  std::string name;
  std::string type;  ///< int, float or bool (1 or 0)
  std::string description;
};

struct Module {
  std::string key;  ///< "library_ClassName"
  std::string full_class_name;
  std::vector<std::string> also;
  std::string description;
  std::vector<ModuleParameter> parameters;
  bool per_query = false;
  std::vector<std::pair<std::string, Expr>> definitions;
  /// In the order of kQuantities; none where the entry has no text for it.
  std::array<std::optional<Expr>, kQuantities.size()> formulas;
  std::string source;
  std::string origin;
  bool human_validated = false;

  [[nodiscard]] bool answers_to(std::string_view cls) const;
  /// The first required formula that is still empty.
  [[nodiscard]] std::optional<std::string> unfilled() const;
};

/// One entry. Throws FileError: `where`, the rule, and what was found.
[[nodiscard]] Module parse_module(const std::string& key,
                                  const nlohmann::ordered_json& entry,
                                  const std::string& where);
[[nodiscard]] nlohmann::ordered_json to_json(const Module& module);
/// The entry that `ff-roofline modules stub` writes: valid, and with nothing filled in.
[[nodiscard]] Module stub_module(const std::string& cls);
/// "my.package.Mixer" -> "my_Mixer".
[[nodiscard]] std::string key_of_class(std::string_view cls);
/// Why a text is no class path, or nothing if it is one: dotted names, the last capitalised.
[[nodiscard]] std::optional<std::string> class_problem(std::string_view cls);

/// JSON Schema (draft 2020-12) of a file.
[[nodiscard]] nlohmann::ordered_json module_file_schema();

class ModuleDb {
 public:
  /// Ours: the exact counts.
  [[nodiscard]] static const ModuleDb& builtin();
  /// LM-Predictor's formulas at eef1764, faults and all, for `--profile compat`.
  [[nodiscard]] static const ModuleDb& lm_predictor();

  /// The entries of a file. Throws FileError.
  [[nodiscard]] static ModuleDb parse(const nlohmann::ordered_json& file, const std::string& where);
  [[nodiscard]] nlohmann::ordered_json to_json() const;

  /// Adds or, where its class is known, replaces. Classes of one name in two packages keep apart:
  /// the key of the second is its whole path.
  void put(Module module);
  void put_all(const ModuleDb& other);
  [[nodiscard]] const Module* find(std::string_view cls) const;
  /// Up to three classes that a misspelt name may have meant.
  [[nodiscard]] std::vector<std::string> near(std::string_view cls) const;
  [[nodiscard]] const std::vector<Module>& modules() const { return modules_; }

 private:
  [[nodiscard]] std::string free_key(const Module& module) const;
  std::vector<Module> modules_;
};

/// One quantity of a module whose parameters have these values (in the order of
/// Module::parameters). Throws FileError for an empty formula, CountError for an overflow; both
/// name the module and the formula.
[[nodiscard]] Num evaluate_formula(const ModuleDb& db,
                                   const Module& module,
                                   size_t quantity,
                                   std::span<const Num> parameters);

}  // namespace ff::cost
