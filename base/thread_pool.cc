#include "base/thread_pool.h"

#include <pthread.h>

#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/errors.h"
#include "base/mutex.h"

namespace orch {

struct ThreadPool::State {
  explicit State(Options options) : options(std::move(options)) {}

  const Options options;
  Mutex mutex;
  CondVar changed;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  std::deque<std::function<void()>> waiting ABSL_GUARDED_BY(mutex);
  std::vector<std::thread> threads;

  void RunThread();
  // Waits for the next function. Empty when stopping.
  std::function<void()> Take();
};

std::function<void()> ThreadPool::State::Take() {
  MutexLock lock(&mutex);
  while (waiting.empty() && !stopping) changed.Wait(&mutex);
  if (stopping) return nullptr;
  std::function<void()> work = std::move(waiting.front());
  waiting.pop_front();
  return work;
}

void ThreadPool::State::RunThread() {
  pthread_setname_np(pthread_self(), options.name.substr(0, 15).c_str());
  while (std::function<void()> work = Take()) work();
}

ThreadPool::ThreadPool(Options options) : state_(std::make_unique<State>(std::move(options))) {
  State* const state = state_.get();
  for (int i = 0; i < state->options.thread_count; ++i) {
    state->threads.emplace_back([state] { state->RunThread(); });
  }
}

ThreadPool::~ThreadPool() { Stop(); }

absl::Status ThreadPool::Run(std::function<void()> work) {
  MutexLock lock(&state_->mutex);
  if (state_->stopping) return PoolStopped(state_->options.name);
  if (state_->waiting.size() >= static_cast<size_t>(state_->options.queue_count_max)) {
    return PoolFull(state_->options.name, state_->options.queue_count_max);
  }
  state_->waiting.push_back(std::move(work));
  state_->changed.Signal();
  return absl::OkStatus();
}

void ThreadPool::Stop() {
  {
    MutexLock lock(&state_->mutex);
    state_->stopping = true;
    state_->changed.SignalAll();
  }
  for (std::thread& thread : state_->threads) {
    if (thread.joinable()) thread.join();
  }
  std::deque<std::function<void()>> dropped;
  MutexLock lock(&state_->mutex);
  dropped.swap(state_->waiting);
}

}  // namespace orch
