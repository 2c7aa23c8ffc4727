#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/command/server.h"
#include "cli/command/session.h"
#include "cli/output/execution_view.h"

namespace orch::cli {

struct FollowOptions {
  bool show = false;                                  // Draw the execution while it goes on.
  absl::Duration timeout = absl::InfiniteDuration();  // Of the whole following.
  absl::Duration patience = absl::Minutes(2);         // With a server that cannot be reached.
};

struct Followed {
  ExecutionView view;
  std::string json;  // The execution as REST tells it.
};

// Follows an execution until it has ended. A connection that breaks is made again and the execution
// read anew, so that nothing is missed, however long the server was away.
//   kDeadlineExceeded  it had not ended in time; it goes on.
//   kUnavailable       the server could not be reached for longer than the patience lasts.
//   kNotFound          there is no such execution.
absl::StatusOr<Followed> FollowToEnd(const Server& server, const std::string& execution_id,
                                     const Session& session, const FollowOptions& options);

// One look at an execution.
absl::StatusOr<Followed> LookAt(const Server& server, const std::string& execution_id);

// From now on, Ctrl-C says that the execution goes on and ends the process with 130.
void DetachOnInterrupt();

}  // namespace orch::cli
