// SPDX-License-Identifier: MIT
#pragma once
// Which submission is which: what tells one request, and one service, from another. Texts that make
// the same request (blanks in a body, a slash behind an address) have one normal form, so that
// nothing is paid for twice for how it was written.
#include "flops_fit/api/config.h"
#include "flops_fit/io/json.h"
#include "flops_fit/io/sweep.h"

#include <string>
#include <string_view>
#include <vector>

namespace ff::api {

/// An address without slashes at its end, its scheme and host in lower case. Services are the same
/// if these are.
[[nodiscard]] std::string service_url(std::string_view base_url);

/// The configuration with base_url, submit.path and submit.body in their normal forms; a body that
/// is not JSON stays as it is. Bodies are as Python's json.dumps() writes them, {"a": 1, "b": 2}.
[[nodiscard]] ApiSection normal_form(ApiSection api);

/// What a submission says of the experiment, in parts: its body; the values of its query (with a
/// body those that name a field, as others hardly stand in a list of runs); and each field that its
/// path alone names, under the field's own name. The experiment's name in the path is none of them.
/// The entry of the service's list that holds all parts is this run.
[[nodiscard]] std::vector<io::Json> submitted_values(const ApiSection& api,
                                                     const io::Experiment& experiment);

/// Whether submitted_values() depend on the experiment: without, every entry of a list would do.
[[nodiscard]] bool says_which_experiment(const ApiSection& api);

/// Of method, place, body and query: whether an id on disk is of the same request.
[[nodiscard]] std::string request_hash(const ApiSection& api, const io::Experiment& experiment);

}  // namespace ff::api
