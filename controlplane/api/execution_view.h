// Executions as the API shows them, made from stored rows.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/store/store.h"
#include "orch/v1/execution_service.pb.h"

namespace orch::api {

inline constexpr int kShownRunCountMax = 1'000;

// Without taskRunList. `now` ends the duration of what has not ended.
v1::Execution ViewOf(const store::v1::ExecutionHead& head,
                     const store::v1::ExecutionPayload& payload, absl::Time now);

// Outputs that lie apart are not there yet; see JoinOutputs.
v1::TaskRunView ViewOf(const store::v1::ExecutionHead& head, const store::v1::TaskRun& run,
                       absl::Time now);

// Reads the outputs that lie apart from their run.
absl::Status JoinOutputs(store::Store& store, const store::v1::TaskRun& run, v1::TaskRunView* view);

// The head, when the execution belongs to the tenant.
//   kNotFound  there is none, or it is another tenant's.
absl::StatusOr<store::v1::ExecutionHead> ReadHead(store::Store& store, const std::string& tenant,
                                                  const std::string& execution_id);

// A whole execution. Of more than 1,000 runs those that are live or have failed come first, then
// the earliest; all in order of creation.
enum class Runs { kNone, kShown };
absl::StatusOr<v1::Execution> ReadExecution(store::Store& store, const std::string& tenant,
                                            const std::string& execution_id, Runs runs,
                                            absl::Time now);

}  // namespace orch::api
