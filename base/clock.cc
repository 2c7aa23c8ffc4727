#include "base/clock.h"

#include <time.h>

#include "absl/time/clock.h"

namespace orch {

absl::Time RealClock::Now() { return absl::Now(); }

absl::Duration RealClock::Boottime() {
  timespec since_boot{};
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  return absl::DurationFromTimespec(since_boot);
}

}  // namespace orch
