// SPDX-License-Identifier: MIT
#include "flops_fit/io/provenance.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/machine.h"
#include "flops_fit/util/units.h"
#include "flops_fit/util/version.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <openssl/evp.h>

namespace ff::io {

namespace fs = std::filesystem;

std::string sha256_of_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw error<FileError>("{}: cannot open: {}.", path.string(), std::strerror(errno));
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  bool ok = EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  std::vector<char> block(1 << 20);
  while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0) {
    ok = ok && EVP_DigestUpdate(context.get(), block.data(), static_cast<size_t>(in.gcount())) == 1;
  }
  std::array<unsigned char, 32> digest{};
  ok = ok && !in.bad() && EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  if (!ok) {
    throw error<FileError>("{}: cannot read.", path.string());
  }
  std::string text;
  for (const unsigned char byte : digest) {
    text += fmt::format("{:02x}", byte);
  }
  return text;
}

fs::path provenance_path(const fs::path& output) {
  fs::path path = output;
  return path.replace_extension(".provenance.json");
}

Json provenance(const std::string& program,
                Json configuration,
                const std::vector<fs::path>& inputs) {
  Json files = Json::array();
  for (const fs::path& input : inputs) {
    std::error_code missing;
    const auto bytes = fs::file_size(input, missing);
    if (!missing && fs::is_regular_file(input, missing)) {
      files.push_back(
          {{"path", input.string()}, {"bytes", bytes}, {"sha256", sha256_of_file(input)}});
    }
  }
  const std::string commit = git_commit();
  return {{"program", program},
          {"version", version()},
          {"git_commit", commit.empty() ? Json(nullptr) : Json(commit)},
          {"host", host_name()},
          {"created", utc_timestamp()},
          {"configuration", std::move(configuration)},
          {"inputs", std::move(files)}};
}

}  // namespace ff::io
