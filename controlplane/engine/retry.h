// When a failed run is tried again.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "controlplane/flow/flow.h"
#include "orch/v1/rows.pb.h"

namespace orch::engine {

// The policy that applies to `task`: its own, else that of the nearest enclosing task, else the flow's.
const std::optional<flow::Retry>& RetryOf(const flow::Flow& flow, const flow::Task& task);

// When the run, whose last attempt failed at `now`, is due again; nullopt when it is not tried again. Attempts
// whose worker was lost do not count. `seed` draws the random policy's delay.
std::optional<absl::Time> NextAttempt(const flow::Retry& retry, const v1::TaskRun& run,
                                      absl::Time now, uint64_t seed);

}  // namespace orch::engine
