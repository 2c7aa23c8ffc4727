#include "controlplane/api/log_reader.h"

#include <zstd.h>

#include <algorithm>

#include "base/status_macros.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/json/times.h"
#include "controlplane/engine/execution.h"
#include "orch/v1/worker.pb.h"

namespace orch::api {
namespace {

namespace rows = ::orch::store::v1;

constexpr int kChunkCount = 100;
constexpr size_t kChunkBytesMax = 64 * 1024 * 1024;  // Decompressed; the writer makes 64 KiB.

absl::StatusOr<v1::LogLines> LinesOf(const store::LogChunkRow& chunk) {
  const auto size = ZSTD_getFrameContentSize(chunk.body.data(), chunk.body.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kChunkBytesMax) {
    return absl::DataLossError("a chunk of log lines cannot be read");
  }
  std::string text(size, '\0');
  const size_t count =
      ZSTD_decompress(text.data(), text.size(), chunk.body.data(), chunk.body.size());
  v1::LogLines lines;
  if (ZSTD_isError(count) || count != size || !lines.ParseFromString(text)) {
    return absl::DataLossError("a chunk of log lines cannot be read");
  }
  return lines;
}

}  // namespace

absl::StatusOr<LogFilter> LogFilter::Of(const v1::LogsRequest& request) {
  LogFilter filter;
  filter.min_level = request.min_level();
  filter.task_id = request.task_id();
  if (request.has_attempt()) filter.attempt = request.attempt() + 1;
  if (!request.task_run_id().empty()) {
    const auto run = engine::ParseRunId(request.task_run_id());
    if (!run.ok() || run->execution_id != request.execution_id()) {
      return BadField("taskRunId", "is no run of this execution");
    }
    filter.run = run->number;
  }
  return filter;
}

bool LogFilter::Wants(const v1::LogEntry& entry) const {
  if (entry.level() < min_level && entry.gap_count() == 0) return false;
  if (!task_id.empty() && entry.task_id() != task_id) return false;
  if (run >= 0 && entry.task_run_id() != engine::RunId(entry.execution_id(), run)) return false;
  return attempt == 0 || (entry.has_attempt_number() && entry.attempt_number() + 1 == attempt);
}

absl::Status LogReader::AppendChunk(const store::LogChunkRow& chunk, LogPosition* position,
                                    std::vector<v1::LogEntry>* entries) const {
  ORCH_ASSIGN_OR_RETURN(const engine::AttemptName name, engine::ParseAttemptId(chunk.attempt));
  ORCH_ASSIGN_OR_RETURN(const v1::LogLines lines, LinesOf(chunk));
  int64_t& read = position->lines[chunk.attempt];
  v1::LogEntry common;
  common.set_namespace_(head_.namespace_());
  common.set_flow_id(head_.flow_id());
  common.set_execution_id(head_.id());
  common.set_task_id(chunk.task_id);
  common.set_task_run_id(engine::RunId(head_.id(), name.number));
  common.set_attempt_number(name.attempt - 1);
  if (chunk.gap_count > 0 && chunk.first_line > read) {
    v1::LogEntry gap = common;
    gap.set_level(v1::WARN);
    gap.mutable_timestamp()->set_micros(chunk.first_micros);
    gap.set_gap_count(chunk.gap_count);
    gap.set_message(std::to_string(chunk.gap_count) + " lines were lost here");
    entries->push_back(std::move(gap));
  }
  int64_t number = chunk.first_line;
  for (const v1::LogLine& line : lines.lines()) {
    if (number > read) {
      v1::LogEntry entry = common;
      entry.set_line(number);
      entry.set_level(line.level());
      entry.set_message(line.text());
      entry.mutable_timestamp()->set_micros(line.micros());
      entries->push_back(std::move(entry));
      read = number;
    }
    ++number;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> LogReader::TaskOf(int64_t run) {
  if (const auto found = tasks_.find(run); found != tasks_.end()) return found->second;
  ORCH_ASSIGN_OR_RETURN(const auto runs, store_.ListRuns(head_.id(), run, 1'000));
  for (const rows::TaskRun& one : runs) tasks_[one.number()] = one.task_id();
  return tasks_[run];
}

absl::Status LogReader::AppendEngineLogs(LogPosition* position,
                                         std::vector<v1::LogEntry>* entries) {
  ORCH_ASSIGN_OR_RETURN(const auto logs, store_.ListEngineLogs(head_.id()));
  int64_t last = position->engine_sequence;
  for (const rows::EngineLog& log : logs) {
    if (log.sequence() <= position->engine_sequence) continue;
    last = std::max(last, log.sequence());
    v1::LogEntry common;
    common.set_namespace_(head_.namespace_());
    common.set_flow_id(head_.flow_id());
    common.set_execution_id(head_.id());
    if (log.run() >= 0) {
      ORCH_ASSIGN_OR_RETURN(const std::string task, TaskOf(log.run()));
      common.set_task_id(task);
      common.set_task_run_id(engine::RunId(head_.id(), log.run()));
      common.set_attempt_number(std::max(0, log.attempt() - 1));
    }
    for (const rows::EngineLogLine& line : log.lines()) {
      v1::LogEntry entry = common;
      entry.set_level(line.level());
      entry.set_message(line.text());
      entry.mutable_timestamp()->set_micros(line.micros());
      entries->push_back(std::move(entry));
    }
  }
  position->engine_sequence = last;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::LogEntry>> LogReader::ReadAll(LogPosition* position,
                                                             size_t entry_count_max,
                                                             bool* truncated) {
  std::vector<v1::LogEntry> entries;
  *truncated = false;
  ORCH_RETURN_IF_ERROR(AppendEngineLogs(position, &entries));
  std::string attempt;
  int64_t line = 0;
  while (!*truncated) {
    ORCH_ASSIGN_OR_RETURN(const auto chunks,
                          store_.ListLogChunks(head_.id(), attempt, line, kChunkCount));
    for (const store::LogChunkRow& chunk : chunks) {
      if (entries.size() >= entry_count_max) *truncated = true;
      if (*truncated) break;
      ORCH_RETURN_IF_ERROR(AppendChunk(chunk, position, &entries));
    }
    if (chunks.size() < static_cast<size_t>(kChunkCount)) break;
    attempt = chunks.back().attempt;
    line = chunks.back().first_line;
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const v1::LogEntry& a, const v1::LogEntry& b) {
                     return a.timestamp().micros() < b.timestamp().micros();
                   });
  return entries;
}

absl::StatusOr<std::vector<v1::LogEntry>> LogReader::ReadAttempt(const std::string& attempt,
                                                                 LogPosition* position) {
  std::vector<v1::LogEntry> entries;
  while (true) {
    const int64_t read = position->lines[attempt];
    ORCH_ASSIGN_OR_RETURN(const auto chunks,
                          store_.ListLogChunks(head_.id(), attempt, read, kChunkCount));
    for (const store::LogChunkRow& chunk : chunks) {
      if (chunk.attempt != attempt) return entries;
      ORCH_RETURN_IF_ERROR(AppendChunk(chunk, position, &entries));
    }
    if (chunks.size() < static_cast<size_t>(kChunkCount) || position->lines[attempt] == read) {
      return entries;
    }
  }
}

std::string TextOf(const v1::LogEntry& entry) {
  std::string text = json::InstantText(entry.timestamp().micros());
  text += " " + v1::LogLevel_Name(entry.level());
  if (!entry.task_id().empty()) text += " [" + entry.task_id() + "]";
  return text + " " + entry.message();
}

}  // namespace orch::api
