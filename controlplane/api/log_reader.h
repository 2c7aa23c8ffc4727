// LogReader reads the lines of an execution: those that workers sent, kept as chunks, and those of
// the engine, kept with its records.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/store/store.h"
#include "orch/v1/log_service.pb.h"

namespace orch::api {

// Which lines a request wants.
struct LogFilter {
  v1::LogLevel min_level = v1::LOG_LEVEL_UNSPECIFIED;
  std::string task_id;
  int64_t run = -1;  // -1: of any.
  int attempt = 0;   // From 1; 0: of any.

  // kInvalidArgument  taskRunId is of no run of this execution.
  static absl::StatusOr<LogFilter> Of(const v1::LogsRequest& request);
  bool Wants(const v1::LogEntry& entry) const;
};

// How far each attempt's lines, and the engine's, have been read.
struct LogPosition {
  std::map<std::string, int64_t> lines;  // Attempt -> last line.
  int64_t engine_sequence = -1;          // Last record whose lines were read.
};

// Threads     Not thread-safe; blocks on the store.
class LogReader {
 public:
  LogReader(store::Store& store, store::v1::ExecutionHead head)
      : store_(store), head_(std::move(head)) {}

  // Everything beyond `position`, by time; moves it. Lines of equal time stay in their order. Stops
  // after `entry_count_max` entries, with `*truncated` set.
  absl::StatusOr<std::vector<v1::LogEntry>> ReadAll(LogPosition* position, size_t entry_count_max,
                                                    bool* truncated);
  // What one attempt has beyond `position`.
  absl::StatusOr<std::vector<v1::LogEntry>> ReadAttempt(const std::string& attempt,
                                                        LogPosition* position);

 private:
  absl::Status AppendChunk(const store::LogChunkRow& chunk, LogPosition* position,
                           std::vector<v1::LogEntry>* entries) const;
  absl::Status AppendEngineLogs(LogPosition* position, std::vector<v1::LogEntry>* entries);
  absl::StatusOr<std::string> TaskOf(int64_t run);

  store::Store& store_;
  const store::v1::ExecutionHead head_;
  std::map<int64_t, std::string> tasks_;  // Run -> task id, as far as asked.
};

// "2026-01-01T00:00:00.000Z INFO [task] text", as downloads show it.
std::string TextOf(const v1::LogEntry& entry);

}  // namespace orch::api
