// Filters of lists, in both forms that clients use, become what the store can ask.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/store/store.h"
#include "orch/v1/execution_service.pb.h"
#include "orch/v1/flow_service.pb.h"

namespace orch::api {

// What is not understood is refused by name: a list that ignored a condition would show too much.
//   kInvalidArgument  naming the parameter.
absl::StatusOr<store::ExecutionFilter> FilterOf(const v1::SearchExecutionsRequest& request,
                                                absl::Time now);
absl::StatusOr<store::FlowFilter> FilterOf(const v1::SearchFlowsRequest& request);

// `page` from 1, `size` 10 unless told.
//   kInvalidArgument  size not in 1..1,000; page < 1, or page × size > 10,000: use the cursor.
absl::StatusOr<store::Page> PageOf(int page, int size, const std::string& cursor);

// "key:value" into labels.
//   kInvalidArgument  no colon, or an empty key or value.
absl::StatusOr<std::vector<v1::Label>> LabelsOf(
    const google::protobuf::RepeatedPtrField<std::string>& texts);

}  // namespace orch::api
