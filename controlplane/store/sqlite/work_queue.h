// WorkQueue runs functions on a thread of its own, in order.
//
// Unlike an Executor it finishes what it was given when it stops: a commit that was handed over is
// answered.
//
// Threads     Thread-safe. Starts its thread in the constructor.
// Memory      Bounded by who posts.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "base/mutex.h"

namespace orch::store::sqlite {

class WorkQueue {
 public:
  explicit WorkQueue(std::string name);
  ~WorkQueue() { Stop(); }

  void Post(std::function<void()> work);

  // As Post, unless the queue holds work already.
  void PostIfIdle(std::function<void()> work);

  // Runs what was posted, then ends the thread; drops what is posted later. Harmless to repeat.
  void Stop();

 private:
  void Run();

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> work_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace orch::store::sqlite
