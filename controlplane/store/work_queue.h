// WorkQueue runs functions on threads of its own, beginning them in order.
//
// Unlike an Executor it finishes what it was given when it stops: a commit that was handed over is
// answered.
//
// Threads     Thread-safe. Starts its threads in the constructor.
// Memory      Bounded by who posts.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace orch::store {

class WorkQueue {
 public:
  explicit WorkQueue(const std::string& name, int thread_count = 1);
  ~WorkQueue() { Stop(); }

  void Post(std::function<void()> work);

  // As Post, unless the queue holds work already.
  void PostIfIdle(std::function<void()> work);

  // Runs what was posted, then ends the threads; drops what is posted later. Harmless to repeat.
  void Stop();

 private:
  void Run();

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> work_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace orch::store
