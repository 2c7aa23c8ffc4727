// Executor runs functions later, one at a time: it is a strand.
//
// Invariant: two functions given to one Executor never run at the same time, and what one wrote
// the next can read. So state that only an Executor's functions touch needs no lock. Posts run in
// the order in which they were posted; timers run in the order of their due times, and never before
// the delay has passed.
//
// Threads     All methods are thread-safe, and may be called from a function that is running.
// Ownership   Keeps each function until it has run or was cancelled, and destroys it on the strand
//             or with the Executor.
// Memory      Not bounded: who posts must bound what is under way.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/time/time.h"

namespace orch {

// Names one timer of one Executor. Never used twice; 0 names none.
using TimerId = uint64_t;
inline constexpr TimerId kNoTimer = 0;

class Executor {
 public:
  virtual ~Executor() = default;

  // Runs `work` after everything posted before it. Never runs it inside this call.
  virtual void Post(std::function<void()> work) = 0;

  // Runs `work` once `delay` has passed; a delay <= 0 is due at once, and still runs later.
  virtual TimerId PostAt(absl::Duration delay, std::function<void()> work) = 0;

  // Forgets a timer. True: its work will not run. False: it has run, is running, was cancelled
  // before, or there never was one; no error. On the strand itself true or false is certain; from
  // another thread the work may be starting as this returns false.
  virtual bool Cancel(TimerId timer) = 0;
};

}  // namespace orch
