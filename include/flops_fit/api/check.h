// SPDX-License-Identifier: MIT
#pragma once
// Everything about mode: api that can be refused before a request goes out: the key, the templates
// and pointers, and experiments that the service would not take.
#include "flops_fit/api/config.h"
#include "flops_fit/api/secret.h"
#include "flops_fit/config/node.h"
#include "flops_fit/io/sweep.h"

#include <span>
#include <string>
#include <string_view>

namespace ff::api {

/// The key in the variable api.key_env. Throws ConfigError, without the key, if a template needs it
/// and it is unset or empty, or if no header could carry it.
[[nodiscard]] Secret key_from_environment(const ApiSection& api);

/// Throws ConfigError for the first thing that is wrong; `sweep` is the plan's name in messages.
/// Warns of a key that would travel unencrypted.
void check_service(const ApiSection& api,
                   const Secret& key,
                   std::span<const io::Experiment> experiments,
                   std::string_view sweep);

/// Throws ConfigError, naming the configuration key but not showing it, if the service's key stands
/// in the configuration: that is written to files and shown.
void refuse_key_in(const config::Node& configuration, const Secret& key);

/// The same for the key that is in the variable api.key_env, if there is one, and for overrides as
/// they were typed, which are written down, too, whatever came of them. For the front end, before
/// it writes or shows the configuration; whether the key is one that can be used is not its
/// question.
void refuse_key_in_call(const ApiSection& api,
                        const config::Node& configuration,
                        std::span<const std::string> overrides);

}  // namespace ff::api
