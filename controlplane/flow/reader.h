// ReadFlow turns the text of a flow into a Flow, or into every reason why it cannot.
//
// It is pure: the same text, types and options give the same result. All complaints come at once,
// in the order of the lines they are about.
//
// Memory      Bounded by YamlLimits: they are checked before anything is built.
// Threads     Safe from many at once.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/flow/complaint.h"
#include "controlplane/flow/flow.h"
#include "controlplane/flow/task_types.h"
#include "controlplane/flow/yaml.h"

namespace orch::flow {

// What the engine of this release can do. A flow that asks for more is refused and told so: nothing
// that an author wrote is silently ignored.
struct EngineFeatures {
  // Types of the group `flow.`, by canonical name.
  std::set<std::string, std::less<>> flowables = {
      "flow.AllowFailure", "flow.Dag",   "flow.EachParallel", "flow.EachSequential",
      "flow.ForEach",      "flow.If",    "flow.Parallel",     "flow.Sequential",
      "flow.Sleep",        "flow.Switch"};
  bool errors = true;
  bool finally = true;
  bool after_execution = false;
  bool listeners = false;
  bool retry = true;
  bool retry_by_new_execution = false;  // retry.behavior: CREATE_NEW_EXECUTION
  bool concurrency = false;
  bool triggers = false;
  bool sla = false;
  bool checks = false;
  bool quotas = false;
  bool task_cache = false;
  bool log_to_file = false;
  bool worker_group = true;
  bool worker_group_fallback = false;  // workerGroup.fallback: FAIL, CANCEL
  bool worker_selector = false;

  // All that the reader understands.
  static EngineFeatures All();
};

struct ReadOptions {
  YamlLimits limits;
  EngineFeatures features;
  std::string tenant = "main";
  int revision = 0;
  // Warnings about types that no worker has brought become errors.
  bool strict = false;
  // For a revision that was accepted when it was stored: what today is an error of style becomes a
  // warning, and the flow is built if it can be at all.
  bool lenient = false;
};

struct ReadResult {
  std::shared_ptr<const Flow> flow;   // Null when refused.
  std::vector<Complaint> complaints;  // In order of line and column.
  // What the document calls itself, even if it was refused; "" when that cannot be told.
  std::string namespace_;
  std::string id;
};

ReadResult ReadFlow(std::string_view yaml, const TaskTypes& types, const ReadOptions& options = {});

}  // namespace orch::flow
