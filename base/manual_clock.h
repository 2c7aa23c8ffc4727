// ManualClock is a Clock that stands still until it is told to move: for tests and simulations.
//
// Threads     Not thread-safe: one thread moves it and reads it.
#pragma once

#include "absl/time/time.h"
#include "base/clock.h"

namespace orch {

class ManualClock final : public Clock {
 public:
  // 2026-01-01T12:00:00Z, unless told otherwise.
  explicit ManualClock(absl::Time now = absl::FromUnixSeconds(1'767'268'800)) : now_(now) {}

  absl::Time Now() override { return now_; }
  absl::Duration Boottime() override { return boottime_; }

  // Both clocks move on by `step` >= 0.
  void Advance(absl::Duration step) {
    now_ += step;
    boottime_ += step;
  }

  // The wall clock alone is set, as an administrator might.
  void SetWall(absl::Time now) { now_ = now; }

 private:
  absl::Time now_;
  absl::Duration boottime_ = absl::Seconds(1000);
};

}  // namespace orch
