// FactSource does the I/O for what an expression needs and memory lacks.
//
// Threads     Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "expression/fact.h"
#include "expression/value.h"

namespace orch::facts {

// Where a fact is asked from.
struct FactPlace {
  std::string tenant;
  std::string namespace_;
  std::string flow_id;
  std::string execution_id;
};

class FactSource {
 public:
  virtual ~FactSource() = default;
  // Answers every fact, in order, once; on any thread, or within the call.
  virtual void Fetch(const FactPlace& place, const std::vector<expression::Fact>& facts,
                     std::function<void(std::vector<absl::StatusOr<expression::Value>>)> done) = 0;
};

}  // namespace orch::facts
