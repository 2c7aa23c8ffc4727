// Notification is something that happens once, and that threads can wait for.
//
// Threads     Thread-safe. May be destroyed as soon as a Wait has returned.
#pragma once

#include <chrono>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace orch {

class Notification {
 public:
  Notification() = default;
  Notification(const Notification&) = delete;
  Notification& operator=(const Notification&) = delete;

  // It has happened. Saying so twice is harmless.
  void Notify() {
    MutexLock lock(&mutex_);
    notified_ = true;
    changed_.SignalAll();
  }

  bool HasBeenNotified() const {
    MutexLock lock(&mutex_);
    return notified_;
  }

  // Waits until it has happened.
  void Wait() {
    MutexLock lock(&mutex_);
    while (!notified_) changed_.Wait(&mutex_);
  }

  // Waits at most `timeout`; whether it has happened by then.
  bool WaitFor(absl::Duration timeout) {
    const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
    MutexLock lock(&mutex_);
    while (!notified_) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= std::chrono::nanoseconds(0)) return false;
      changed_.WaitWithTimeout(&mutex_, absl::FromChrono(left));
    }
    return true;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace orch
