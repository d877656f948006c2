// SPDX-License-Identifier: MIT
#include "flops_fit/util/version.h"

namespace ff {

const char* version() {
  return FF_VERSION;
}

}  // namespace ff
