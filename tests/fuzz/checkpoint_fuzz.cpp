// SPDX-License-Identifier: MIT
// Safetensors: checkpoints and weights.
#include "support.h"
#include "targets.h"

#include "flops_fit/io/safetensors.h"
#include "flops_fit/util/atomic_file.h"

void ff::fuzz::checkpoint(const uint8_t* data, size_t size) {
  const std::string_view bytes = text_of(data, size);
  accepts([&] {
    const io::Safetensors file = io::parse_safetensors(bytes, "file");
    std::vector<io::TensorView> views;
    std::vector<std::vector<float>> values;
    values.reserve(file.tensors.size());
    for (const auto& [name, tensor] : file.tensors) {
      if (tensor.dtype == "F32") {
        values.emplace_back(tensor.bytes.size() / sizeof(float));
        file.read(name, tensor.shape, values.back(), "file");
        views.push_back({.name = name, .shape = tensor.shape, .values = values.back()});
      }
    }
    const auto path = scratch() / "written.safetensors";
    io::write_safetensors(path, views, file.metadata);
    const std::string written = read_file(path);
    const io::Safetensors again = io::parse_safetensors(written, "written");
    require(again.metadata == file.metadata, "metadata are written as they were read");
    for (const io::TensorView& view : views) {
      require(again.tensors.at(view.name).bytes == file.tensors.at(view.name).bytes,
              "tensors are written as they were read");
    }
  });
}
