#pragma once

#include "orch/task.h"

namespace orch::load {

// bench.Noop: does nothing, and says when, as {"value":…,"at":micros since 1970}. `value` is the
// property of that name, as it came.
sdk::TaskType NoopType();

}  // namespace orch::load
