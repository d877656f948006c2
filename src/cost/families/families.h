// SPDX-License-Identifier: MIT
#pragma once
// Private to load_model: the readers of the model families, and what they share. A new family is a
// function here and a line in the table of load_model.cpp.
#include "flops_fit/cost/model_spec.h"
#include "flops_fit/io/json.h"

#include <initializer_list>
#include <string>
#include <string_view>

namespace ff::cost {

/// Typed fields of a config, with the rules that all families have.
class Fields {
 public:
  Fields(const io::Json& object, const std::string& where)
      : whole_(&object), reader_(object, where) {}

  [[nodiscard]] bool has(std::string_view key) const { return reader_.has(key); }
  [[nodiscard]] const io::Json& at(std::string_view key) const { return reader_.at(key); }
  [[nodiscard]] const io::Json& whole() const { return *whole_; }
  [[nodiscard]] const std::string& where() const { return reader_.where(); }
  [[nodiscard]] Fields object(std::string_view key) const;
  [[nodiscard]] std::string text(std::string_view key) const { return reader_.text(key); }

  /// From 1 up, and not beyond what any model has.
  [[nodiscard]] int64_t count(std::string_view key, int64_t most) const;
  [[nodiscard]] int64_t count_or(std::string_view key, int64_t most, int64_t fallback) const;
  [[nodiscard]] bool flag_or(std::string_view key, bool fallback) const;
  /// Refuses biases that the family's counts do not have.
  void must_be_false(std::string_view key) const;
  /// Refuses any other text.
  void must_be(std::string_view key, std::initializer_list<std::string_view> allowed) const;

 private:
  const io::Json* whole_;
  io::ObjectReader reader_;
};

/// The dtype of the weights, where one of the objects names it; empty otherwise.
[[nodiscard]] std::string dtype_of(std::initializer_list<const Fields*> places);

/// What the families of Llama have in common: sizes, heads, SiLU, whether the head is tied.
/// `free_heads`: published models of the family have heads that together are not as wide as the
/// model.
[[nodiscard]] ModelSpec read_llama_like(const Fields& f, bool free_heads, const char* d_ff_key);

[[nodiscard]] ModelSpec read_llama(const Fields& f);
[[nodiscard]] ModelSpec read_mistral(const Fields& f);
[[nodiscard]] ModelSpec read_qwen2(const Fields& f);
[[nodiscard]] ModelSpec read_qwen3(const Fields& f);
[[nodiscard]] ModelSpec read_llama4(const Fields& f);
[[nodiscard]] ModelSpec read_llama4_text(const Fields& f);
[[nodiscard]] ModelSpec read_gpt2(const Fields& f);
[[nodiscard]] ModelSpec read_flops_fit_gpt(const Fields& f);

}  // namespace ff::cost
