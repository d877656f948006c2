// SPDX-License-Identifier: MIT
#pragma once
// Who made a file, when, where, with which configuration and from which inputs. What is an array,
// as sweep.json and results.json are for the Python tool's sake, has it beside it, as
// <name>.provenance.json; objects hold it themselves.
#include "flops_fit/io/json.h"

#include <filesystem>
#include <string>
#include <vector>

namespace ff::io {

/// {program, version, git_commit, host, created, configuration, inputs: [{path, bytes, sha256}]}.
/// `configuration` is the resolved one (config::dump_json()). Inputs that are not there are left
/// out: each was optional, or its reader has complained.
[[nodiscard]] Json provenance(const std::string& program,
                              Json configuration,
                              const std::vector<std::filesystem::path>& inputs);

/// Where the provenance of an output stands: sweep.json has sweep.provenance.json.
[[nodiscard]] std::filesystem::path provenance_path(const std::filesystem::path& output);

/// 64 hexadecimal digits, as sha256sum prints them. Throws FileError.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace ff::io
