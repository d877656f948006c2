// SPDX-License-Identifier: MIT
#pragma once
// Private to this folder: what the commands share.
#include "flops_fit/cost/evaluate.h"
#include "flops_fit/cost/hardware.h"
#include "flops_fit/cost/load_model.h"
#include "flops_fit/cost/training.h"
#include "flops_fit/io/json.h"
#include "flops_fit/roofline/commands.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::roofline {

/// What an operand is: a model's config.json, or a tree.
struct Model {
  std::string path;
  io::Json file;
  std::optional<cost::ModelSpec> spec;  ///< of a config.json
  cost::Graph graph;                    ///< of either, by the profile
};

[[nodiscard]] bool is_compat(const RooflineConfig& config, const char* by_default);
/// The only operand of a command. Throws ConfigError if there is none, or more.
[[nodiscard]] const std::string& only_operand(const Call& call, const char* what);
[[nodiscard]] Model load(const std::string& path, bool compat);
/// As load() for commands that need a config.json. Throws ConfigError for a tree.
[[nodiscard]] Model load_config(const std::string& path);
/// Built-in modules (LM-Predictor's with `compat`), the user's in front. Throws FileError where a
/// file was named on the command line and is not there, unless the command is one that begins it.
[[nodiscard]] cost::ModuleDb modules_of(const RooflineConfig& config,
                                        const Call& call,
                                        bool compat);

/// The two lists of lengths, repeated up to batch_size. Throws ConfigError.
[[nodiscard]] std::vector<cost::Query> queries_of(const RooflineConfig& config);
/// Throws ConfigError where neither the model nor the configuration says how wide numbers are.
[[nodiscard]] cost::Workload workload_of(const RooflineConfig& config, const Model& model);
/// Refuses keys that `why` says have no meaning here, if they were given.
void refuse_given(const Call& call,
                  std::initializer_list<const char*> keys,
                  const std::string& why);

/// The machine of --hardware, or of --peak-flops and --memory-bandwidth. Throws ConfigError.
[[nodiscard]] cost::Hardware hardware_of(const RooflineConfig& config, const Call& call);
/// The peak that counts, and what it is the peak of ("bf16"; empty where --peak-flops said it).
struct Peak {
  double flops_per_s = 0.0;
  std::string precision;
};
[[nodiscard]] Peak peak_for(const RooflineConfig& config,
                            const cost::Hardware& hardware,
                            const Model& model,
                            const cost::Workload& workload);

/// Exact where it is whole and below 2^64; a fraction to the nearest whole number; else a double.
[[nodiscard]] io::Json count_json(const cost::Num& count);
/// profile, model, and the workload, by the names of the options.
[[nodiscard]] io::Json workload_json(const RooflineConfig& config,
                                     const Model& model,
                                     const cost::Workload& workload,
                                     bool compat);
/// Adds batch_size, cached and input.
void add_queries(io::Json& json, std::span<const cost::Query> queries);
[[nodiscard]] io::Json cost_json(const cost::Cost& cost);
/// The parameters of a leaf, as evaluated.
[[nodiscard]] io::Json parameters_json(const cost::OpCost& op);

/// What rests on entries that no human has validated: in words, and as JSON.
struct Unvalidated {
  std::string text;
  io::Json json;
};
[[nodiscard]] Unvalidated unvalidated_of(std::span<const cost::OpCost> ops);

/// Statements that a count rests on ("routing is uniform: ...").
[[nodiscard]] std::vector<std::string> assumptions_of(const Model& model,
                                                      const cost::Workload& workload,
                                                      std::span<const cost::OpCost> ops);

// The commands.
[[nodiscard]] Report table(const RooflineConfig& config, const Call& call);
[[nodiscard]] Report analyze(const RooflineConfig& config, const Call& call);
[[nodiscard]] Report train(const RooflineConfig& config, const Call& call);
[[nodiscard]] Report time(const RooflineConfig& config, const Call& call);
[[nodiscard]] Report modules(const RooflineConfig& config, const Call& call);
[[nodiscard]] Report calibrate(const RooflineConfig& config, const Call& call);

}  // namespace ff::roofline
