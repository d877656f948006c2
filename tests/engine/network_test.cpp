// SPDX-License-Identifier: MIT
#include "network.h"

#include "support/catch.h"

#include <type_traits>

TEST_CASE("a network that points into itself is neither copied nor moved", "[engine]") {
  using ff::engine::fused::Network;
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Network>);
  STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<Network>);
  STATIC_REQUIRE_FALSE(std::is_move_constructible_v<Network>);
  STATIC_REQUIRE_FALSE(std::is_move_assignable_v<Network>);
}
