// SPDX-License-Identifier: MIT
#include "worker_pool.h"

#include "flops_fit/cost/transformer.h"
#include "flops_fit/run/cores.h"
#include "flops_fit/run/machine_memory.h"

#include <fmt/ranges.h>

#include <algorithm>
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

double Running::left() const {
  return job.cost * (1.0 - (process ? share_done(process->progress()) : 0.0));
}

Work Running::work() const {
  if (!process) {
    return {};
  }
  const train::RunProgress& first = process->first_progress();
  const train::RunProgress& now = process->progress();
  const io::Experiment& e = job.request.experiment;
  const auto tokens = static_cast<double>(now.tokens - first.tokens);
  return {.cost = job.cost * (share_done(now) - share_done(first)),
          .tokens = tokens,
          .flops = e.architecture ? tokens * cost::train_flops_per_token(*e.architecture) : 0.0};
}

double WorkerPool::free_bytes() const {
  const bool capped = limits_.memory_bytes.has_value();
  double free = capped ? *limits_.memory_bytes : available_memory().bytes;
  double shared = 0.0;
  for (const Running& worker : running_) {
    const engine::WorkerMemory& memory = worker.job.needs.memory;
    const auto threads = std::max<int64_t>(1, static_cast<int64_t>(worker.cores.size()));
    const double taken = !capped && worker.process ? private_bytes(worker.process->pid()) : 0.0;
    free -= std::max(0.0, memory.private_bytes(threads) - taken);
    shared = std::max(shared, memory.shared_bytes);
  }
  // What the machine has left already lacks the files of running workers.
  return capped || std::none_of(running_.begin(),
                                running_.end(),
                                [](const Running& worker) { return worker.process != nullptr; })
             ? free - shared
             : free;
}

bool WorkerPool::fits(const train::RunNeeds& needs) const {
  const double shared = running_.empty() ? needs.memory.shared_bytes : 0.0;
  return needs.memory.private_bytes(1) + shared <= free_bytes();
}

void WorkerPool::add(Job job, RunLock lock) {
  running_.push_back({.job = std::move(job), .lock = std::move(lock)});
  changed_ = true;
}

std::string WorkerPool::order_for(const std::vector<int>& cores) const {
  return limits_.bind ? fmt::format("cores {}", fmt::join(cores, " "))
                      : fmt::format("threads {}", std::max<size_t>(1, cores.size()));
}

void WorkerPool::divide_cores() {
  if (!std::exchange(changed_, false) || running_.empty()) {
    return;
  }
  const double spare = std::max(0.0, free_bytes()) / static_cast<double>(running_.size());
  std::vector<CoreUser> users;
  std::vector<std::vector<int>> held;
  for (const Running& worker : running_) {
    const train::RunNeeds& needs = worker.job.needs;
    // Further threads need memory, too.
    const double affordable =
        needs.memory.thread_bytes > 0 ? std::min(1e6, spare / needs.memory.thread_bytes) : 1e6;
    const int64_t already = std::max<int64_t>(1, static_cast<int64_t>(worker.cores.size()));
    users.push_back(
        {.remaining = worker.left(),
         .max_cores = std::min(needs.max_threads, already + static_cast<int64_t>(affordable))});
    held.push_back(worker.cores);
  }
  const auto placed = place_cores(
      limits_.cores, held, share_cores(static_cast<int64_t>(limits_.cores.size()), users));
  for (size_t i = 0; i < running_.size(); ++i) {
    Running& worker = running_[i];
    const std::string order = order_for(placed[i]);
    if (!worker.process) {
      worker.process = std::make_unique<WorkerProcess>(
          worker.job.request.run_dir, worker.lock.descriptor(), order);
    } else if (placed[i] != worker.cores) {
      worker.process->order(order);
    }
    worker.cores = placed[i];
  }
}

std::vector<Running> WorkerPool::wait_for_news() {
  std::vector<pollfd> pipes;
  for (const Running& worker : running_) {
    pipes.push_back({.fd = worker.process->pipe(), .events = POLLIN, .revents = 0});
  }
  constexpr int kTimeoutMs = 500;
  ::poll(pipes.data(), pipes.size(), kTimeoutMs);
  std::vector<Running> ended;
  for (auto worker = running_.begin(); worker != running_.end();) {
    if (worker->process->read()) {
      ++worker;
      continue;
    }
    ended.push_back(std::move(*worker));
    worker = running_.erase(worker);
    changed_ = true;
  }
  return ended;
}

void WorkerPool::send(int signal) const {
  for (const Running& worker : running_) {
    worker.process->send(signal);
  }
}

void WorkerPool::beat() {
  for (Running& worker : running_) {
    worker.lock.beat();
  }
}

}  // namespace ff::run
