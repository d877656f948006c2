// SPDX-License-Identifier: MIT
#include "flops_fit/util/version.h"

#include "git_commit.h"

namespace ff {

const char* version() {
  return FF_VERSION;
}

const char* git_commit() {
  return FF_GIT_COMMIT;
}

}  // namespace ff
