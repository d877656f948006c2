// SPDX-License-Identifier: MIT
#include "flops_fit/io/safetensors.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace ff::io {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

constexpr size_t kLengthBytes = 8;
constexpr size_t kAlignment = 8;              // of the tensors, for those who map the file
constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr const char* kMetadata = "__metadata__";

/// Bytes of an element; 0 for a type that the format does not have.
size_t element_bytes(std::string_view dtype) {
  static constexpr std::pair<std::string_view, size_t> kTypes[] = {{"BOOL", 1},
                                                                   {"U8", 1},
                                                                   {"I8", 1},
                                                                   {"F8_E4M3", 1},
                                                                   {"F8_E5M2", 1},
                                                                   {"I16", 2},
                                                                   {"U16", 2},
                                                                   {"F16", 2},
                                                                   {"BF16", 2},
                                                                   {"I32", 4},
                                                                   {"U32", 4},
                                                                   {"F32", 4},
                                                                   {"I64", 8},
                                                                   {"U64", 8},
                                                                   {"F64", 8}};
  const auto* found = std::find_if(
      std::begin(kTypes), std::end(kTypes), [&](const auto& type) { return type.first == dtype; });
  return found == std::end(kTypes) ? 0 : found->second;
}

[[noreturn]] void damaged(const std::string& where, std::string_view what) {
  throw error<FileError>("{}: not a whole safetensors file: {}.", where, what);
}

/// A whole number of the header that is no larger than `limit`.
uint64_t count(const Json& value, uint64_t limit, const std::string& where) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > limit) {
    damaged(where, "a length or an offset is no whole number, or larger than the file");
  }
  return value.get<uint64_t>();
}

StoredTensor read_entry(const Json& entry, std::string_view data, const std::string& where) {
  const ObjectReader object(entry, where);
  StoredTensor tensor{.dtype = object.text("dtype")};
  const size_t element = element_bytes(tensor.dtype);
  if (element == 0) {
    damaged(where, fmt::format("unknown dtype {}", tensor.dtype));
  }
  const Json& shape = object.at("shape");
  const Json& offsets = object.at("data_offsets");
  if (!shape.is_array() || !offsets.is_array() || offsets.size() != 2) {
    damaged(where, "shape or data_offsets are no lists");
  }
  const uint64_t begin = count(offsets[0], data.size(), where);
  const uint64_t end = count(offsets[1], data.size(), where);
  uint64_t elements = 1;
  for (const Json& extent : shape) {
    const uint64_t size = count(extent, INT32_MAX, where);
    if (size > 0 && elements > data.size() / size) {
      damaged(where, "the shape is larger than the file");
    }
    elements *= size;
    tensor.shape.push_back(static_cast<int64_t>(size));
  }
  if (begin > end || end - begin != elements * element) {
    damaged(where, "the offsets do not fit the shape");
  }
  tensor.bytes = data.substr(begin, end - begin);
  return tensor;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path,
                       std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header;
  if (!metadata.empty()) {
    header[kMetadata] = metadata;
  }
  size_t end = 0;
  for (const TensorView& tensor : tensors) {
    const size_t begin = end;
    end += tensor.values.size_bytes();
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  const uint64_t length = text.size();
  write_atomically(path, [&](const std::filesystem::path& temporary) {
    errno = 0;
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(&length), kLengthBytes);
    out << text;
    for (const TensorView& tensor : tensors) {
      out.write(reinterpret_cast<const char*>(tensor.values.data()),
                static_cast<std::streamsize>(tensor.values.size_bytes()));
    }
    out.close();
    if (!out) {
      throw_system_error(path, "write", errno == 0 ? EIO : errno);
    }
  });
}

void Safetensors::read(const std::string& name,
                       std::span<const int64_t> shape,
                       std::span<float> out,
                       const std::string& where) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    throw error<FileError>("{}: there is no tensor {}.", where, name);
  }
  const StoredTensor& tensor = found->second;
  if (tensor.dtype != "F32" || !std::ranges::equal(tensor.shape, shape) ||
      tensor.bytes.size() != out.size_bytes()) {
    throw error<FileError>("{}: the tensor {} has another type or shape.", where, name);
  }
  if (!out.empty()) {  // where there is nothing, there may be no address either
    std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
  }
}

Safetensors parse_safetensors(std::string_view bytes, const std::string& where) {
  uint64_t length = 0;
  if (bytes.size() < kLengthBytes) {
    damaged(where, "shorter than its own header");
  }
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > bytes.size() - kLengthBytes || length > kMaxHeader) {
    damaged(where, "shorter than its own header");
  }
  const std::string_view data = bytes.substr(kLengthBytes + length);
  Json header;
  try {
    header = parse_json(bytes.substr(kLengthBytes, length));
  } catch (const JsonError& problem) {
    damaged(where, fmt::format("the header is {}", problem.what()));
  }
  if (!header.is_object()) {
    damaged(where, "the header is no object");
  }
  Safetensors file;
  std::vector<std::string_view> pieces;
  for (const auto& [name, entry] : header.items()) {
    if (name == kMetadata) {
      const ObjectReader metadata(entry, where + ": metadata");
      for (const auto& [key, value] : metadata.items()) {
        if (!value.is_string()) {
          damaged(where, "metadata are not text");
        }
        file.metadata[key] = value.get<std::string>();
      }
      continue;
    }
    const auto& [tensor, fresh] =
        file.tensors.emplace(name, read_entry(entry, data, where + ": " + name));
    if (!fresh) {
      damaged(where, "a tensor stands twice");
    }
    pieces.push_back(tensor->second.bytes);
  }
  // The tensors fill the rest of the file, without gaps and without sharing bytes.
  std::ranges::sort(
      pieces, {}, [](std::string_view piece) { return std::pair(piece.data(), piece.size()); });
  const char* at = data.data();
  for (const std::string_view piece : pieces) {
    if (piece.data() != at) {
      damaged(where, "the tensors leave gaps or overlap");
    }
    at += piece.size();
  }
  if (at != data.data() + data.size()) {
    damaged(where, "shorter or longer than its tensors");
  }
  return file;
}

}  // namespace ff::io
