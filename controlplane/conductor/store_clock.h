// StoreClock is an owner's `now`: the store's clock at its last commit plus boot time since.
//
// Invariant: it never goes back. Wall time of this machine decides nothing.
//
// Threads     Not thread-safe; lives on its strand.
#pragma once

#include <algorithm>

#include "absl/time/time.h"
#include "base/clock.h"

namespace orch::conductor {

class StoreClock {
 public:
  explicit StoreClock(Clock& clock)
      : clock_(clock), base_(clock.Now()), base_boot_(clock.Boottime()), last_(base_) {}

  // What the store's clock said in an answer that came just now, to a question asked at `asked_at`
  // (boot time): somewhen between the two. What was believed until now is kept if it fits in there,
  // since an answer that took long says little.
  void Set(absl::Time store_now, absl::Duration asked_at) {
    const absl::Duration now = clock_.Boottime();
    const absl::Time latest = store_now + std::max(now - asked_at, absl::ZeroDuration());
    base_ = std::clamp(base_ + (now - base_boot_), store_now, latest);
    base_boot_ = now;
  }

  absl::Time Now() {
    last_ = std::max(last_, base_ + (clock_.Boottime() - base_boot_));
    return last_;
  }

 private:
  Clock& clock_;
  absl::Time base_;
  absl::Duration base_boot_;
  absl::Time last_;
};

}  // namespace orch::conductor
