#pragma once

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/random.h"
#include "cli/output/console.h"

namespace orch::cli {

// What every verb is handed. Outlives the command.
struct Session {
  Console& console;
  Clock& clock;
  Random& random;

  // Says what went wrong, if anything did, and gives the exit code.
  int Finish(const absl::Status& status) const;
};

}  // namespace orch::cli
