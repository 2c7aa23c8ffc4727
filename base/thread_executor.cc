#include "base/thread_executor.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"

namespace orch {
namespace {

using Steady = std::chrono::steady_clock;

Steady::time_point DueAt(absl::Duration delay) {
  // A century is as good as for ever, and does not overflow.
  const absl::Duration longest = absl::Hours(24 * 365 * 100);
  return Steady::now() +
         absl::ToChronoNanoseconds(std::clamp(delay, absl::ZeroDuration(), longest));
}

}  // namespace

struct ThreadExecutor::State {
  // Timers of one due time run in the order of their ids.
  using TimerKey = std::pair<Steady::time_point, TimerId>;

  Mutex mutex;
  CondVar changed;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  TimerId last_timer ABSL_GUARDED_BY(mutex) = kNoTimer;
  std::deque<std::function<void()>> posted ABSL_GUARDED_BY(mutex);
  std::map<TimerKey, std::function<void()>> timers ABSL_GUARDED_BY(mutex);
  absl::flat_hash_map<TimerId, Steady::time_point> due ABSL_GUARDED_BY(mutex);
  std::thread thread;

  void Run();
  // The next function to run; waits for it. Empty when stopping.
  std::function<void()> Take();
  std::function<void()> TakeTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
};

void ThreadExecutor::State::Run() {
  while (std::function<void()> work = Take()) work();
}

std::function<void()> ThreadExecutor::State::Take() {
  MutexLock lock(&mutex);
  while (!stopping) {
    // Due timers first, or a strand that posts to itself without end would starve them.
    const auto now = Steady::now();
    if (!timers.empty() && timers.begin()->first.first <= now) return TakeTimer();
    if (!posted.empty()) {
      std::function<void()> work = std::move(posted.front());
      posted.pop_front();
      return work;
    }
    if (timers.empty()) {
      changed.Wait(&mutex);
    } else {
      changed.WaitWithTimeout(&mutex, absl::FromChrono(timers.begin()->first.first - now));
    }
  }
  return nullptr;
}

std::function<void()> ThreadExecutor::State::TakeTimer() {
  const auto first = timers.begin();
  std::function<void()> work = std::move(first->second);
  due.erase(first->first.second);
  timers.erase(first);
  return work;
}

ThreadExecutor::ThreadExecutor(std::string name) : state_(std::make_unique<State>()) {
  State* const state = state_.get();
  state->thread = std::thread([state, name = name.substr(0, 15)] {
    pthread_setname_np(pthread_self(), name.c_str());
    state->Run();
  });
}

ThreadExecutor::~ThreadExecutor() { Stop(); }

void ThreadExecutor::Post(std::function<void()> work) {
  MutexLock lock(&state_->mutex);
  if (state_->stopping) return;
  state_->posted.push_back(std::move(work));
  state_->changed.Signal();
}

TimerId ThreadExecutor::PostAt(absl::Duration delay, std::function<void()> work) {
  const Steady::time_point due = DueAt(delay);
  MutexLock lock(&state_->mutex);
  const TimerId timer = ++state_->last_timer;
  if (state_->stopping) return timer;
  state_->timers.emplace(State::TimerKey(due, timer), std::move(work));
  state_->due.emplace(timer, due);
  state_->changed.Signal();
  return timer;
}

bool ThreadExecutor::Cancel(TimerId timer) {
  std::function<void()> dropped;  // Destroyed after the lock: its captures may call us.
  MutexLock lock(&state_->mutex);
  const auto due = state_->due.find(timer);
  if (due == state_->due.end()) return false;
  const auto entry = state_->timers.find(State::TimerKey(due->second, timer));
  dropped = std::move(entry->second);
  state_->timers.erase(entry);
  state_->due.erase(due);
  return true;
}

void ThreadExecutor::Stop() {
  {
    MutexLock lock(&state_->mutex);
    state_->stopping = true;
    state_->changed.SignalAll();
  }
  if (state_->thread.joinable()) state_->thread.join();
  std::deque<std::function<void()>> posted;
  std::map<State::TimerKey, std::function<void()>> timers;
  MutexLock lock(&state_->mutex);
  posted.swap(state_->posted);
  timers.swap(state_->timers);
  state_->due.clear();
}

bool ThreadExecutor::IsCurrent() const {
  return state_->thread.get_id() == std::this_thread::get_id();
}

}  // namespace orch
