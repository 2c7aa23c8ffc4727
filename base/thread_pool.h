// ThreadPool runs work that blocks (files, DNS, child processes) away from the strands.
//
// Functions may run at the same time and in any order; each should post its answer to the Executor
// that asked.
//
// Threads     Thread-safe. Starts all its threads in the constructor.
// Ownership   Work that has not begun when it stops is destroyed without having run.
// Memory      At most `queue_count_max` functions wait.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace orch {

class ThreadPool {
 public:
  struct Options {
    std::string name = "pool";    // The threads', as debuggers show it; 15 bytes at most.
    int thread_count = 4;         // > 0
    int queue_count_max = 1'000;  // > 0; the functions at work do not count.
  };
  explicit ThreadPool(Options options);

  // Stops, as below.
  ~ThreadPool();

  // Runs `work` on one of the threads.
  //   kResourceExhausted  the queue is full; come back later. `work` was dropped.
  //   kFailedPrecondition the pool has stopped; `work` was dropped.
  absl::Status Run(std::function<void()> work);

  // Waits for the functions at work, drops those that wait, ends the threads. Stopping twice is
  // harmless. Not from one of the pool's own threads.
  void Stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace orch
