// What every keeper derives from a row's message for its columns, so that all derive the same.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/store/rows.h"

namespace orch::store {

// The day of the partition that an execution's rows live in: the day of its id, in days since 1970;
// 0 for an id that carries no time.
int DayOfExecution(std::string_view execution_id);

// Likewise for records: an execution's day, 0 for "flow/…".
int DayOfAggregate(std::string_view aggregate);

// Whether a run answers for its execution not being an orphan: it is live and is itself work,
// leased, or an explicit wait. A container only waits for its children, and does not.
bool Awaits(const v1::TaskRun& run);

// Labels as one text, in which LabelText finds exactly the label it was made of.
std::string LabelsText(const google::protobuf::RepeatedPtrField<v1::Label>& labels);
std::string LabelText(const v1::Label& label);

// "execution/<id>", the receiver of an execution's mail, and "flow/<tenant>/<namespace>/<id>".
std::string ExecutionAddress(std::string_view execution_id);
std::string FlowAddress(std::string_view tenant, std::string_view ns, std::string_view flow_id);

// The rows of a batch, apart by aggregate: an execution's id, or a flow's address.
struct AggregateRows {
  std::string aggregate;
  Rows rows;
};
std::vector<AggregateRows> SplitByAggregate(const Rows& rows);

}  // namespace orch::store
