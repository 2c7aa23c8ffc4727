#pragma once

#include "orch/task.h"

namespace orch::worker {

// storage.Concat: joins files of the storage into one, each followed by `separator`.
sdk::TaskType ConcatType();

}  // namespace orch::worker
