// Flows drawn at random, with a small oracle that knows how each must end.
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "controlplane/flow/flow.h"
#include "controlplane/flow/task_types.h"
#include "orch/v1/rows.pb.h"

namespace orch::simulation {

struct GeneratedFlow {
  std::string yaml;
  std::shared_ptr<const flow::Flow> flow;
  // How it ends when no worker is lost thrice and nobody kills it.
  orch::v1::State state = orch::v1::SUCCESS;
  // Task runs there are then; -1 where a failure beside running siblings leaves it open.
  int64_t run_count = 0;
};

// Dies when the reader refuses what was drawn: the generator knows the language.
GeneratedFlow DrawFlow(Random& random, const flow::TaskTypes& types, const std::string& id);

}  // namespace orch::simulation
