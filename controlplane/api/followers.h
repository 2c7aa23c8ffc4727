// Followers tell what happens to one execution for as long as somebody listens. No thread waits for
// them: they live on an executor, are woken by commits and stored lines, and read on the pool.
#pragma once

#include <memory>
#include <string>

#include "controlplane/api/event_stream.h"
#include "controlplane/api/live.h"
#include "orch/v1/execution_service.pb.h"
#include "orch/v1/log_service.pb.h"

namespace orch::api {

// Sends `start`, then `progress` at most twice a second, the last state always as `end`. A client
// that does not keep up gets fewer, newer ones.
void FollowExecution(const Live& live, const v1::FollowExecutionRequest& request,
                     std::shared_ptr<EventStream> stream);

// Sends the lines there are, then those that come, each once; `end` when the execution has ended
// and the lines that its results counted are in (10 s later at most).
void FollowLogs(const Live& live, const v1::LogsRequest& request,
                std::shared_ptr<EventStream> stream);

}  // namespace orch::api
