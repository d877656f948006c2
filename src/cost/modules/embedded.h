// SPDX-License-Identifier: MIT
#pragma once

namespace ff::cost {

extern const char* const kBuiltinModules;
extern const char* const kLmPredictorModules;

}  // namespace ff::cost
