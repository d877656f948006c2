// SPDX-License-Identifier: MIT
#include "quiet_ceres.h"

#include <glog/logging.h>

#include <mutex>

namespace ff::analysis {

void quiet_ceres() {
  static std::once_flag once;
  std::call_once(once, [] { FLAGS_minloglevel = 3; });  // fatal errors only
}

}  // namespace ff::analysis
