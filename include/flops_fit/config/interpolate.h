// SPDX-License-Identifier: MIT
#pragma once
// ${...} in the values of a tree:
//   ${a.b}  another key      ${.b}  a key of the same group      ${..b}  of the group above
//   ${oc.env:NAME}  ${oc.env:NAME,default}  an environment variable    ${now:%Y-%m-%d}  local time
// A value that is one interpolation becomes the value it names, type and all; inside longer text
// the value's text is inserted. Interpolations nest; \${ is a literal ${.
#include "flops_fit/config/node.h"

namespace ff::config {

/// Resolves all values in place. Throws ConfigError, with the place of the value that holds the
/// interpolation: unknown key, a cycle (named), an unset variable without default, a list or null
/// in the middle of text, an unknown resolver, a missing brace.
void resolve(Node& root);

}  // namespace ff::config
