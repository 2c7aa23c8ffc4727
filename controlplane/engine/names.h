// Names of runs and attempts in texts: "<execution id>-<number in base 36>[/<attempt>]".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace orch::engine {

// "<execution id>-<number in base 36>", and back. ParseRunId refuses anything else (kInvalidArgument).
std::string RunId(std::string_view execution_id, int64_t number);
struct RunName {
  std::string execution_id;
  int64_t number = 0;
};
absl::StatusOr<RunName> ParseRunId(std::string_view run_id);

// "<run id>/<attempt>", as LeaseToken.attempt, and back. Attempts count from 1.
std::string AttemptId(std::string_view execution_id, int64_t number, int attempt);
struct AttemptName {
  std::string execution_id;
  int64_t number = 0;
  int attempt = 0;
};
absl::StatusOr<AttemptName> ParseAttemptId(std::string_view attempt_id);

}  // namespace orch::engine
