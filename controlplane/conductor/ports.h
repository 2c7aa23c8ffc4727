// What a strand is handed besides base, store and dispatch.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "controlplane/facts/fact_source.h"
#include "controlplane/flow/flow.h"

namespace orch::conductor {

// Flows serves flow revisions. It may block: it is called on the background executor.
class Flows {
 public:
  virtual ~Flows() = default;
  //   kNotFound  no such revision. Deleted flows keep their revisions.
  virtual absl::StatusOr<std::shared_ptr<const flow::Flow>> Get(const std::string& tenant,
                                                                const std::string& namespace_,
                                                                const std::string& id,
                                                                int revision) = 0;
};

using facts::FactPlace;
using facts::FactSource;

}  // namespace orch::conductor
