// SPDX-License-Identifier: MIT
#include "worker_pool.h"

#include "flops_fit/cost/transformer.h"
#include "flops_fit/run/cores.h"
#include "flops_fit/run/machine_memory.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <poll.h>
#include <utility>

namespace ff::run {
namespace {

double share_done(const train::RunProgress& p) {
  return p.num_steps > 0 ? static_cast<double>(p.step) / static_cast<double>(p.num_steps) : 0.0;
}

}  // namespace

Work& Work::operator+=(const Work& more) {
  cost += more.cost;
  tokens += more.tokens;
  flops += more.flops;
  return *this;
}

Running::Running(ClaimedJob&& claimed, std::vector<int> its_cores, const std::string& order)
    : cores(std::move(its_cores)),
      process_(std::make_unique<WorkerProcess>(
          claimed.request.run_dir, claimed.lock.descriptor(), order)),
      claimed_(std::move(claimed)) {}

double Running::left() const {
  return job().cost * (1.0 - share_done(process_->progress()));
}

Work Running::work() const {
  const train::RunProgress& first = process_->first_progress();
  const train::RunProgress& now = process_->progress();
  const io::Experiment& e = request().experiment;
  const auto tokens = static_cast<double>(now.tokens - first.tokens);
  return {.cost = job().cost * (share_done(now) - share_done(first)),
          .tokens = tokens,
          .flops = e.architecture ? tokens * cost::train_flops_per_token(*e.architecture) : 0.0};
}

double WorkerPool::free_bytes(std::span<const ClaimedJob> waiting) const {
  const bool capped = limits_.memory_bytes.has_value();
  double free = capped ? *limits_.memory_bytes : available_memory().bytes;
  double shared = 0.0;
  for (const Running& worker : running_) {
    const engine::WorkerMemory& memory = worker.job().needs.memory;
    const auto threads = std::max<int64_t>(1, static_cast<int64_t>(worker.cores.size()));
    const double taken = capped ? 0.0 : private_bytes(worker.process().pid());
    free -= std::max(0.0, memory.private_bytes(threads) - taken);
    shared = std::max(shared, memory.shared_bytes);
  }
  for (const ClaimedJob& claim : waiting) {
    const engine::WorkerMemory& memory = claim.job.needs.memory;
    free -= memory.private_bytes(1);
    shared = std::max(shared, memory.shared_bytes);
  }
  // What the machine has left already lacks the files of running workers.
  return capped || running_.empty() ? free - shared : free;
}

bool WorkerPool::fits(const train::RunNeeds& needs, std::span<const ClaimedJob> waiting) const {
  const double shared = running_.empty() && waiting.empty() ? needs.memory.shared_bytes : 0.0;
  return needs.memory.private_bytes(1) + shared <= free_bytes(waiting);
}

std::string WorkerPool::order_for(const std::vector<int>& cores) const {
  return limits_.bind ? fmt::format("cores {}", fmt::join(cores, " "))
                      : fmt::format("threads {}", std::max<size_t>(1, cores.size()));
}

std::vector<std::vector<int>> WorkerPool::divide_cores(std::span<const ClaimedJob> waiting) const {
  const double spare =
      std::max(0.0, free_bytes(waiting)) / static_cast<double>(running_.size() + waiting.size());
  std::vector<CoreUser> users;
  std::vector<std::vector<int>> held;
  const auto add = [&](const train::RunNeeds& needs, double left, const std::vector<int>& cores) {
    // Further threads need memory, too.
    const double affordable =
        needs.memory.thread_bytes > 0 ? std::min(1e6, spare / needs.memory.thread_bytes) : 1e6;
    const int64_t already = std::max<int64_t>(1, static_cast<int64_t>(cores.size()));
    users.push_back(
        {.remaining = left,
         .max_cores = std::min(needs.max_threads, already + static_cast<int64_t>(affordable))});
    held.push_back(cores);
  };
  for (const Running& worker : running_) {
    add(worker.job().needs, worker.left(), worker.cores);
  }
  for (const ClaimedJob& claim : waiting) {
    add(claim.job.needs, claim.job.cost, {});
  }
  return place_cores(
      limits_.cores, held, share_cores(static_cast<int64_t>(limits_.cores.size()), users));
}

WorkerPool::NotStarted WorkerPool::start(std::vector<ClaimedJob> claims) {
  NotStarted left;
  if ((!std::exchange(changed_, false) && claims.empty()) || running_.size() + claims.size() == 0) {
    return left;
  }
  const std::vector<std::vector<int>> placed = divide_cores(claims);
  const size_t before = running_.size();
  for (size_t i = 0; i < before; ++i) {
    if (placed[i] != running_[i].cores) {
      running_[i].process().order(order_for(placed[i]));
      running_[i].cores = placed[i];
    }
  }
  for (size_t i = 0; i < claims.size(); ++i) {
    const std::vector<int>& cores = placed[before + i];
    try {
      running_.emplace_back(std::move(claims[i]), cores, order_for(cores));
    } catch (const std::exception& problem) {
      left.reason = problem.what();
      changed_ = true;  // its cores are for the others
      std::move(claims.begin() + static_cast<std::ptrdiff_t>(i),
                claims.end(),
                std::back_inserter(left.claims));
      break;
    }
  }
  if (running_.size() > 1) {
    for (Running& worker : running_) {
      worker.alone = false;
    }
  }
  return left;
}

std::vector<Running> WorkerPool::wait_for_news() {
  std::vector<pollfd> pipes;
  for (const Running& worker : running_) {
    pipes.push_back({.fd = worker.process().pipe(), .events = POLLIN, .revents = 0});
  }
  constexpr int kTimeoutMs = 500;
  ::poll(pipes.data(), pipes.size(), kTimeoutMs);
  std::vector<Running> ended;
  for (auto worker = running_.begin(); worker != running_.end();) {
    if (worker->process().read()) {
      ++worker;
      continue;
    }
    ended.push_back(std::move(*worker));
    worker = running_.erase(worker);
    changed_ = true;
  }
  return ended;
}

void WorkerPool::stop() {
  stopped_ = std::chrono::steady_clock::now();
  for (const Running& worker : running_) {
    worker.process().send(SIGTERM);
  }
}

void WorkerPool::kill_those_that_hang() {
  constexpr std::chrono::seconds kGrace{10};
  if (!stopped_ || std::chrono::steady_clock::now() - *stopped_ < kGrace) {
    return;
  }
  for (const Running& worker : running_) {
    if (worker.process().progress().num_steps == 0) {
      worker.process().send(SIGKILL);
    }
  }
}

void WorkerPool::beat() {
  for (Running& worker : running_) {
    worker.beat();
  }
}

}  // namespace ff::run
