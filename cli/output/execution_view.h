// ExecutionView is as much of an execution as a person follows: states, places, times.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "expression/value.h"

namespace orch::cli {

struct RunView {
  std::string id;
  std::string task;
  std::string parent;  // Id of the enclosing run, "" at flow level.
  std::string value;
  std::string state;
  int attempt_count = 0;
  std::optional<absl::Time> start;
  std::optional<absl::Time> end;
  std::string waiting;  // Why it waits, "" when it does not.
  // Of a container: children by lot, which stay right when the runs themselves are not all told.
  int64_t created = 0, live = 0, failed = 0, done = 0;
};

struct ExecutionView {
  std::string id;
  std::string namespace_;
  std::string flow;
  std::string state;
  std::optional<absl::Time> start;
  std::optional<absl::Time> end;
  std::string waiting;
  int64_t run_count = 0;
  std::vector<RunView> runs;  // In the order of creation.

  // Reads the JSON of an execution.
  //   kInvalidArgument  it is no execution.
  static absl::StatusOr<ExecutionView> Of(const expression::Value& json);
};

// Whether a state is an end of an execution.
bool IsEnd(std::string_view state);

// "1.2 s", "3 min 07 s", "2 h 05 min".
std::string ShortDuration(absl::Duration duration);

}  // namespace orch::cli
