// SPDX-License-Identifier: MIT
#include "flops_fit/io/safetensors.h"

#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <cstring>

using ff::io::parse_safetensors;
using ff::io::TensorView;

namespace {

const std::vector<float> kMatrix = {1.0F, -2.0F, 3.5F, 1e-30F, 0.0F, 7.0F};
const std::vector<float> kScalar = {42.0F};

std::string written() {
  const ff::test::TemporaryFolder folder;
  const std::vector<TensorView> tensors = {
      {.name = "layers.0.qkv", .shape = {2, 3}, .values = kMatrix},
      {.name = "bias", .shape = {}, .values = kScalar}};
  ff::io::write_safetensors(folder / "a.safetensors", tensors, {{"who", "a test"}});
  return ff::read_file(folder / "a.safetensors");
}

/// A file with this header and as many bytes of data.
std::string file_of(const std::string& header, size_t data) {
  const uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(data, '\0');
}

}  // namespace

TEST_CASE("safetensors: what is written is what the format says, and is read back", "[io]") {
  const std::string bytes = written();
  // Read without our reader: length, JSON, data.
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  CHECK(length % 8 == 0);
  const auto header = ff::io::Json::parse(bytes.substr(8, length));
  CHECK(header["layers.0.qkv"]["dtype"] == "F32");
  CHECK(header["layers.0.qkv"]["shape"] == ff::io::Json({2, 3}));
  const size_t begin = header["layers.0.qkv"]["data_offsets"][0];
  float third = 0.0F;
  std::memcpy(&third, bytes.data() + 8 + length + begin + 2 * sizeof(float), sizeof(float));
  CHECK(third == 3.5F);

  const auto file = parse_safetensors(bytes, "a");
  CHECK(file.metadata.at("who") == "a test");
  std::vector<float> matrix(6);
  file.read("layers.0.qkv", std::vector<int64_t>{2, 3}, matrix, "a");
  CHECK(matrix == kMatrix);
  CHECK_THROWS_WITH(file.read("layers.0.qkv", std::vector<int64_t>{3, 2}, matrix, "a"),
                    ContainsSubstring("another type or shape"));
  CHECK_THROWS_WITH(file.read("output", std::vector<int64_t>{6}, matrix, "a"),
                    ContainsSubstring("there is no tensor output"));
}

TEST_CASE("safetensors: a file cut anywhere is refused, and so is a lying header", "[io]") {
  const std::string bytes = written();
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(parse_safetensors(bytes.substr(0, size), "a"), ff::FileError);
  }
  CHECK_THROWS_AS(parse_safetensors(bytes + "x", "a"), ff::FileError);
  const auto refuses = [](const std::string& header, size_t data) {
    CHECK_THROWS_AS(parse_safetensors(file_of(header, data), "a"), ff::FileError);
  };
  refuses("[]", 0);
  refuses("{", 0);
  refuses(R"({"a": 1})", 0);
  refuses(R"({"a": {"dtype": "F32", "shape": [1]}})", 4);
  refuses(R"({"a": {"dtype": "F33", "shape": [1], "data_offsets": [0, 4]}})", 4);
  refuses(R"({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})", 4);
  refuses(R"({"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]}})", 4);
  refuses(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}})", 4);
  refuses(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}})", 4);
  refuses(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1e300]}})", 4);
  // 2^62 elements of 4 bytes are 0 bytes in 64 bits.
  refuses(
      R"({"a": {"dtype": "F32", "shape": [2147483647, 2147483647, 4], "data_offsets": [0, 0]}})",
      0);
  // Gaps and overlaps.
  refuses(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})", 8);
  refuses(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
              "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})",
          8);
  CHECK(parse_safetensors(file_of("{}", 0), "a").tensors.empty());
}
