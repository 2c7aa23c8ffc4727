// ThreadExecutor is an Executor with a thread of its own.
//
// Time        Delays are measured by the steady clock.
// Threads     Thread-safe. Starts its thread in the constructor.
// Ownership   Work that has not begun when it stops is destroyed without having run.
// Memory      Not bounded; see Executor.
#pragma once

#include <memory>
#include <string>

#include "base/executor.h"

namespace orch {

class ThreadExecutor final : public Executor {
 public:
  // `name` is the thread's, as debuggers and `top` show it; 15 bytes of it at most.
  explicit ThreadExecutor(std::string name);

  // Stops, as below.
  ~ThreadExecutor() override;

  void Post(std::function<void()> work) override;
  TimerId PostAt(absl::Duration delay, std::function<void()> work) override;
  bool Cancel(TimerId timer) override;

  // Lets the running function end, then ends the thread. What waits is dropped, and what is posted
  // from now on is dropped at once. Stopping twice is harmless. Not from the strand itself.
  void Stop();

  // Whether the caller runs on this strand.
  bool IsCurrent() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace orch
