#pragma once

#include "worker/runner/types.h"

namespace orch::worker {

// The types that every orch-worker serves.
TypeRegistry BuiltinTypes();

}  // namespace orch::worker
