// What must hold in every execution between two steps; for tests, `orch doctor` and replays.
#pragma once

#include "absl/status/status.h"
#include "controlplane/engine/execution.h"

namespace orch::engine {

// Counts again what the rows keep counts of, and looks for runs that nothing would ever wake. Costs a look at every
// run.
//   kInternal  an invariant is broken; the message names the run.
absl::Status CheckInvariants(const Execution& execution);

}  // namespace orch::engine
