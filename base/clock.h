// Clock is the only way to learn what time it is.
//
// Wall time may step in either direction when somebody sets it; boot time never goes back and
// counts on while the machine sleeps (CLOCK_BOOTTIME). Instants that people see come from Now;
// how long something lasted, and whether a lease is over, comes from Boottime.
//
// Threads     Thread-safe.
#pragma once

#include "absl/time/time.h"

namespace orch {

class Clock {
 public:
  virtual ~Clock() = default;

  // The wall time. May step.
  virtual absl::Time Now() = 0;

  // Time since the machine was started, suspension included. Never goes back.
  virtual absl::Duration Boottime() = 0;
};

// The clocks of this machine.
class RealClock final : public Clock {
 public:
  absl::Time Now() override;
  absl::Duration Boottime() override;
};

}  // namespace orch
