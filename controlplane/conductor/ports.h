// What a strand is handed besides base, store and dispatch.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/flow/flow.h"
#include "expression/fact.h"

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

// Where a fact is asked from.
struct FactPlace {
  std::string tenant;
  std::string namespace_;
  std::string flow_id;
  std::string execution_id;
};

// FactSource does the I/O for facts. Each answer comes within 10 s and is at most 1 MiB.
class FactSource {
 public:
  virtual ~FactSource() = default;
  // Answers every fact, in order, once; on any thread, or within the call.
  virtual void Fetch(const FactPlace& place, const std::vector<expression::Fact>& facts,
                     std::function<void(std::vector<absl::StatusOr<expression::Value>>)> done) = 0;
};

}  // namespace orch::conductor
