// FlowState is what is local to one flow and to none of its executions: the second aggregate.
//
// It has the shape of the first: a step is decided by a pure and total function, remembered by a
// record that holds its cause and the rows it left, and folding the records gives the rows.
//
//                     newer than what is known            not newer      of this flow   of another
//   FlowSaved         its revision and limit; not deleted –
//   FlowDeleted       its revision; deleted               –
//   ExecutionCreated                                                     one more       –
//   any other event   –
//
// A revision is newer when its number is greater: what was mailed twice, or comes late, changes
// nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "orch/v1/rows.pb.h"

namespace orch::engine {

namespace v1 = ::orch::v1;

// The rows of one flow's state in memory. It changes by Apply alone.
//
// Threads     Not thread-safe; lives on its shard's strand.
// Memory      A row, and one per holder or waiting execution of its concurrency limit.
class FlowAggregate {
 public:
  FlowAggregate() = default;  // To be folded into: the first record names the flow.
  // A flow of which nothing has been heard yet.
  FlowAggregate(std::string_view tenant, std::string_view ns, std::string_view flow_id);
  // Rows as a store returned them.
  FlowAggregate(v1::FlowState state, const std::vector<v1::FlowSlot>& slots);

  const v1::FlowState& state() const { return state_; }
  // By execution id.
  const std::map<std::string, v1::FlowSlot>& slots() const { return slots_; }

  void Apply(const v1::Record& record);

 private:
  v1::FlowState state_;
  std::map<std::string, v1::FlowSlot> slots_;
};

// A cause that changed nothing has a record without changes, which is not stored.
struct FlowStep {
  v1::Record record;
  bool changed = false;
};

// One event happens to `flow`, which must have its name. Does not touch it: hand the record to
// FlowAggregate::Apply.
FlowStep DecideFlow(const FlowAggregate& flow, const v1::Event& event, absl::Time now,
                    uint64_t seed);

}  // namespace orch::engine
