// SPDX-License-Identifier: MIT
#include "flops_fit/run/cores.h"

#include "support/catch.h"

#include "flops_fit/util/cores.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <thread>

using ff::run::CoreUser;
using ff::run::share_cores;
using Shares = std::vector<int64_t>;
using Places = std::vector<std::vector<int>>;

namespace {

constexpr int64_t kMany = INT64_MAX;

Places place(const std::vector<int>& cores, const Places& held, const Shares& counts) {
  return ff::run::place_cores(cores, held, counts);
}

}  // namespace

TEST_CASE("every run gets a core, and idle ones go where most work is left per core", "[run]") {
  const auto share = [](int64_t cores, const std::vector<CoreUser>& users) {
    return share_cores(cores, users);
  };
  CHECK(share(4, {{5, kMany}, {1, kMany}, {1, kMany}, {1, kMany}}) == Shares{1, 1, 1, 1});
  CHECK(share(8, {{7, kMany}}) == Shares{8});
  CHECK(share(8, {{9, kMany}, {9, kMany}, {9, kMany}}) == Shares{3, 3, 2});
  CHECK(share(3, {{1, kMany}, {2, kMany}}) == Shares{1, 2});
  CHECK(share(6, {{10, kMany}, {50, kMany}}) == Shares{1, 5});
  // More runs than cores: the kernel divides them.
  CHECK(share(2, {{1, kMany}, {1, kMany}, {1, kMany}}) == Shares{1, 1, 1});
  // A run that can use one core leaves the others to the rest, and none may be able to.
  CHECK(share(4, {{100, 1}, {1, kMany}}) == Shares{1, 3});
  CHECK(share(4, {{100, 1}, {1, 2}}) == Shares{1, 2});
  CHECK(share(4, {}).empty());
  // Nothing left to do anywhere: still every core is handed out, and the loop ends.
  CHECK(share(4, {{0, kMany}, {0, kMany}}) == Shares{3, 1});
}

TEST_CASE("a run keeps the cores it has, and no two runs get the same one", "[run]") {
  CHECK(place({0, 1, 2, 3}, {{}, {}}, {2, 2}) == Places{{0, 1}, {2, 3}});
  CHECK(place({4, 5, 6, 7}, {{6}, {5}}, {3, 1}) == Places{{4, 6, 7}, {5}});
  // A run that must give some up keeps the first.
  CHECK(place({0, 1, 2, 3}, {{0, 1, 2, 3}, {}}, {2, 2}) == Places{{0, 1}, {2, 3}});
  // Over any history the places are disjoint and as many as asked for.
  Places held(3);
  for (const Shares& counts :
       {Shares{1, 1, 1}, Shares{1, 5, 2}, Shares{6, 1, 1}, Shares{2, 3, 3}, Shares{1, 1, 6}}) {
    held = place({0, 1, 2, 3, 4, 5, 6, 7}, held, counts);
    std::set<int> all;
    for (size_t i = 0; i < held.size(); ++i) {
      CHECK(held[i].size() == static_cast<size_t>(counts[i]));
      all.insert(held[i].begin(), held[i].end());
    }
    CHECK(static_cast<int64_t>(all.size()) ==
          std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  }
}

TEST_CASE("binding a process binds the threads that are there and those that follow", "[run]") {
  const std::vector<int> before = ff::usable_cores();
  REQUIRE_FALSE(before.empty());
  CHECK(std::is_sorted(before.begin(), before.end()));
  const std::vector<int> last = {before.back()};
  REQUIRE(ff::bind_process(last));
  std::vector<int> seen;
  std::thread([&] { seen = ff::usable_cores(); }).join();
  CHECK(seen == last);
  CHECK(ff::usable_cores() == last);
  REQUIRE(ff::bind_process(before));
  CHECK(ff::usable_cores() == before);
  CHECK_FALSE(ff::bind_process({}));
  CHECK_FALSE(ff::bind_process(std::vector<int>{1 << 19}));  // no such core
  CHECK(ff::usable_cores() == before);
}
