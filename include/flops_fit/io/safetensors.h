// SPDX-License-Identifier: MIT
#pragma once
// The safetensors format (https://huggingface.co/docs/safetensors): 8 bytes of little-endian header
// length, a JSON header that names every tensor's type, shape and place, then the tensors' bytes
// without a gap. Any tool that knows the format reads our checkpoints and weights.
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ff::io {

/// A tensor to write; what it views must outlive the call.
struct TensorView {
  std::string name;
  std::vector<int64_t> shape;
  std::span<const float> values;  ///< as many as the shape says, last index fastest
};

/// Writes float32 tensors atomically, without copying them. Metadata are strings only, as the
/// format has it. Throws StorageError.
void write_safetensors(const std::filesystem::path& path,
                       std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata);

/// A tensor of a file that was read; `bytes` views the file's.
struct StoredTensor {
  std::string dtype;  ///< "F32", ...
  std::vector<int64_t> shape;
  std::string_view bytes;
};

struct Safetensors {
  std::map<std::string, std::string> metadata;
  std::map<std::string, StoredTensor> tensors;

  /// Copies the float32 tensor of this name and shape to `out`. Throws FileError if there is none.
  void read(const std::string& name,
            std::span<const int64_t> shape,
            std::span<float> out,
            const std::string& where) const;
};

/// Reads a whole file's bytes and checks every length. Throws FileError, `where` being the file's
/// name.
[[nodiscard]] Safetensors parse_safetensors(std::string_view bytes, const std::string& where);

}  // namespace ff::io
