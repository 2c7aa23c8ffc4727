// EventQueue holds the text of events between who makes them and the connection that sends them.
//
// Threads     Thread-safe. Callbacks are called without a lock held.
// Memory      What was pushed and not taken yet.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>

#include "base/mutex.h"

namespace orch::gateway {

class EventQueue {
 public:
  // ---- Maker
  // ------------------------------------------------------------------------------------- False
  // when it is closed.
  bool Push(std::string text);
  // Nothing follows; what is there is still sent.
  void End();
  // Texts pushed that the connection has not finished sending.
  size_t pending() const;
  // `drained` each time that pending falls to 0; `closed` once, when the connection is done with
  // it.
  void Listen(std::function<void()> drained, std::function<void()> closed);

  // ---- Connection
  // -------------------------------------------------------------------------------- `ready` is
  // called whenever Take has something new to say. Set once, before the first Take.
  void OnReady(std::function<void()> ready);
  enum class Taken { kText, kNothing, kEnd };
  // The next text. What was taken before counts as sent.
  Taken Take(std::string* text);
  // The client is gone, or all was sent.
  void Close();

 private:
  mutable Mutex mutex_;
  std::deque<std::string> texts_ ABSL_GUARDED_BY(mutex_);
  bool sending_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::function<void()> ready_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> drained_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_closed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace orch::gateway
