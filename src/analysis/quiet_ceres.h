// SPDX-License-Identifier: MIT
#pragma once

namespace ff::analysis {

/// Ceres reports through glog, on stderr, even what a solver's options call silent: for example a
/// step to where the losses overflow, which is then taken back. A fit's status says what matters.
void quiet_ceres();

}  // namespace ff::analysis
