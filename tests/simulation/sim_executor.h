// Time and turns of a simulated world: one queue of what is due, one clock, no thread.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/manual_clock.h"

namespace orch::simulation {

// Runs what is due, in order of time and then of posting, and moves the clock to it.
class SimExecutor final : public Executor {
 public:
  explicit SimExecutor(ManualClock& clock) : clock_(clock) {}

  void Post(std::function<void()> work) override { Add(clock_.Boottime(), std::move(work)); }
  TimerId PostAt(absl::Duration delay, std::function<void()> work) override {
    return Add(clock_.Boottime() + std::max(delay, absl::ZeroDuration()), std::move(work));
  }
  bool Cancel(TimerId timer) override {
    const auto found = due_.find(timer);
    if (found == due_.end()) return false;
    queue_.erase({found->second, timer});
    due_.erase(found);
    return true;
  }

  // Runs everything that is due within `span`.
  void RunFor(absl::Duration span) {
    const absl::Duration until = clock_.Boottime() + span;
    while (!queue_.empty() && queue_.begin()->first.first <= until) {
      auto node = queue_.extract(queue_.begin());
      due_.erase(node.key().second);
      if (node.key().first > clock_.Boottime()) {
        clock_.Advance(node.key().first - clock_.Boottime());
      }
      ++step_count_;
      node.mapped()();
    }
    if (until > clock_.Boottime()) clock_.Advance(until - clock_.Boottime());
  }
  int64_t step_count() const { return step_count_; }

 private:
  TimerId Add(absl::Duration due, std::function<void()> work) {
    queue_.emplace(std::make_pair(due, ++last_), std::move(work));
    due_[last_] = due;
    return last_;
  }

  ManualClock& clock_;
  TimerId last_ = 0;
  int64_t step_count_ = 0;
  std::map<std::pair<absl::Duration, TimerId>, std::function<void()>> queue_;
  std::unordered_map<TimerId, absl::Duration> due_;
};

// The executor of one process. What it had posted never runs once it is dead, and waits while it is
// paused: a machine that sleeps, a process that is stopped.
class ProcessExecutor final : public Executor {
 public:
  explicit ProcessExecutor(SimExecutor& world) : world_(world) {}
  ~ProcessExecutor() override { Die(); }

  void Post(std::function<void()> work) override { world_.Post(Guard(std::move(work))); }
  TimerId PostAt(absl::Duration delay, std::function<void()> work) override {
    return world_.PostAt(delay, Guard(std::move(work)));
  }
  bool Cancel(TimerId timer) override { return world_.Cancel(timer); }

  void Die() { state_->alive = false; }
  void Pause() { state_->paused = true; }
  void Resume() {
    state_->paused = false;
    for (std::function<void()>& work : std::exchange(state_->waiting, {})) {
      world_.Post(Guard(std::move(work)));
    }
  }

 private:
  struct State {
    bool alive = true;
    bool paused = false;
    std::vector<std::function<void()>> waiting;
  };

  std::function<void()> Guard(std::function<void()> work) {
    return [state = state_, work = std::move(work)] {
      if (!state->alive) return;
      if (state->paused) {
        state->waiting.push_back(work);
      } else {
        work();
      }
    };
  }

  SimExecutor& world_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace orch::simulation
