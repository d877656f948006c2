// SPDX-License-Identifier: MIT
#include "flops_fit/cost/load_model.h"

#include "families/families.h"

#include <algorithm>
#include <cctype>

namespace ff::cost {
namespace {

namespace fs = std::filesystem;
using io::Json;

struct Family {
  const char* model_type;
  std::vector<std::string> architectures;  ///< that the counts are true for
  ModelSpec (*read)(const Fields&);
};

const std::vector<Family>& families() {
  static const std::vector<Family> kFamilies = {
      {"llama", {"LlamaForCausalLM"}, read_llama},
      {"llama4", {"Llama4ForConditionalGeneration", "Llama4ForCausalLM"}, read_llama4},
      {"llama4_text", {"Llama4ForCausalLM"}, read_llama4_text},
      {"mistral", {"MistralForCausalLM"}, read_mistral},
      {"qwen2", {"Qwen2ForCausalLM"}, read_qwen2},
      {"qwen3", {"Qwen3ForCausalLM"}, read_qwen3},
      {"gpt2", {"GPT2LMHeadModel"}, read_gpt2},
      {"flops_fit_gpt", {"FlopsFitGPT"}, read_flops_fit_gpt},
  };
  return kFamilies;
}

void check_architectures(const Fields& f, const Family& family) {
  if (!f.has("architectures")) {
    return;
  }
  const Json& list = f.at("architectures");
  if (!list.is_array()) {
    throw error<FileError>("{}: architectures: expected a list of class names.", f.where());
  }
  for (const Json& item : list) {
    const auto& known = family.architectures;
    if (!item.is_string() ||
        std::find(known.begin(), known.end(), item.get<std::string>()) == known.end()) {
      throw error<FileError>("{}: architectures: {} is not modelled; model_type {} has {}.",
                             f.where(),
                             io::json_text(item),
                             family.model_type,
                             fmt::join(known, " and "));
    }
  }
}

/// What the file is called; config.json after its folder, as models are downloaded.
std::string name_of(const fs::path& path) {
  std::error_code ignored;
  const std::string stem = path.stem().string();
  const std::string folder = fs::absolute(path, ignored).parent_path().filename().string();
  return stem == "config" && !folder.empty() ? folder : stem;
}

}  // namespace

std::vector<std::string> known_model_types() {
  std::vector<std::string> out;
  for (const Family& family : families()) {
    out.emplace_back(family.model_type);
  }
  return out;
}

ModelSpec parse_model(const Json& config, const std::string& where) {
  const Fields fields(config, where);
  std::string model_type = fields.text("model_type");
  std::transform(model_type.begin(), model_type.end(), model_type.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  for (const Family& family : families()) {
    if (family.model_type != model_type) {
      continue;
    }
    check_architectures(fields, family);
    if (fields.has("quantization_config")) {
      throw error<FileError>(
          "{}: quantization_config: quantized weights are not read from the config; remove it and "
          "give the bits (--w-bit 4).",
          where);
    }
    ModelSpec spec = family.read(fields);
    spec.model_type = model_type;
    spec.name = name_of(where);
    return spec;
  }
  throw error<FileError>("{}: model_type: \"{}\" is unknown; there are: {}.",
                         where,
                         fields.text("model_type"),
                         fmt::join(known_model_types(), ", "));
}

Json read_model_config(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw error<FileError>(
        "{}: no such file. Names of models are not looked up on the network: download the model's "
        "config.json, and pass its path.",
        path.string());
  }
  return io::read_json(path, "download the model's config.json");
}

ModelSpec load_model(const fs::path& path) {
  return parse_model(read_model_config(path), path.string());
}

}  // namespace ff::cost
