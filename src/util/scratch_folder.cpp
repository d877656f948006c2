// SPDX-License-Identifier: MIT
#include "flops_fit/util/scratch_folder.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

namespace ff {

ScratchFolder::ScratchFolder() {
  const char* variable = std::getenv("TMPDIR");
  const std::filesystem::path base = variable != nullptr && *variable != '\0' ? variable : "/tmp";
  std::error_code failure;
  const std::filesystem::path absolute = std::filesystem::absolute(base, failure);
  std::string pattern = ((failure ? base : absolute) / "flops_fit_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw_system_error(base, "make a scratch folder there (TMPDIR names another place)", errno);
  }
  path_ = pattern;
  detail::remove_folder_on_stop(path_.c_str());
}

ScratchFolder::~ScratchFolder() {
  detail::forget_path(path_.c_str());
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace ff
