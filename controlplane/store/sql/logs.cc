// Logs and metrics.
#include "base/status_macros.h"
#include "controlplane/store/sql/sql_store.h"

namespace orch::store::sql {
namespace {

// Five counts are stored as five texts of digits in one column: no keeper needs to ask for them.
std::string CountsText(const std::vector<int64_t>& counts) {
  std::string text;
  for (const int64_t count : counts) {
    if (!text.empty()) text += ' ';
    text += std::to_string(count);
  }
  return text;
}

std::vector<int64_t> ReadCounts(std::string_view text) {
  std::vector<int64_t> counts;
  if (text.empty()) return counts;
  counts.push_back(0);
  for (const char c : text) {
    if (c == ' ') {
      counts.push_back(0);
    } else if (c >= '0' && c <= '9') {
      counts.back() = counts.back() * 10 + (c - '0');
    }
  }
  return counts;
}

}  // namespace

absl::Status SqlStore::AppendLogs(const std::vector<LogChunkRow>& chunks) {
  if (chunks.empty()) return absl::OkStatus();
  return Transact(Place::kLogs, [&](SqlSession& session) -> absl::Status {
    for (const LogChunkRow& chunk : chunks) {
      const std::string counts = CountsText(chunk.level_counts);
      ORCH_RETURN_IF_ERROR(
          session
              .Execute("INSERT INTO log_chunk (execution_id, attempt, first_line, line_count,"
                       " gap_count, level_counts, first_micros, last_micros, task_id, body)"
                       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
                       {chunk.execution_id, chunk.attempt, chunk.first_line, chunk.line_count,
                        chunk.gap_count, counts, chunk.first_micros, chunk.last_micros,
                        chunk.task_id, Blob{chunk.body}})
              .status());
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<LogChunkRow>> SqlStore::ListLogChunks(const std::string& execution_id,
                                                                 const std::string& after_attempt,
                                                                 int64_t after_line, int limit) {
  std::vector<LogChunkRow> chunks;
  ORCH_RETURN_IF_ERROR(Read(Place::kLogs, [&](SqlSession& session) {
    chunks.clear();
    return session.Query(
        "SELECT attempt, first_line, line_count, gap_count, level_counts, first_micros,"
        " last_micros, task_id, body FROM log_chunk WHERE execution_id = $1"
        " AND (attempt, first_line) > ($2, $3) ORDER BY attempt, first_line LIMIT $4",
        {execution_id, after_attempt, after_line, int64_t{limit}}, [&](const SqlRow& row) {
          chunks.push_back({.execution_id = execution_id,
                            .attempt = row.Text(0),
                            .first_line = row.Int(1),
                            .line_count = row.Int(2),
                            .gap_count = row.Int(3),
                            .level_counts = ReadCounts(row.Bytes(4)),
                            .first_micros = row.Int(5),
                            .last_micros = row.Int(6),
                            .task_id = row.Text(7),
                            .body = row.Text(8)});
          return absl::OkStatus();
        });
  }));
  return chunks;
}

absl::Status SqlStore::AppendMetrics(const std::vector<MetricRow>& metrics) {
  if (metrics.empty()) return absl::OkStatus();
  return Transact(Place::kLogs, [&](SqlSession& session) -> absl::Status {
    for (const MetricRow& metric : metrics) {
      ORCH_RETURN_IF_ERROR(
          session
              .Execute("INSERT INTO metric (execution_id, attempt, micros, name, tags, task_id,"
                       " type, value) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
                       " ON CONFLICT DO NOTHING",
                       {metric.execution_id, metric.attempt, metric.micros, metric.name,
                        metric.tags, metric.task_id, metric.type, metric.value})
              .status());
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<MetricRow>> SqlStore::ListMetrics(const std::string& execution_id,
                                                             int limit) {
  std::vector<MetricRow> metrics;
  ORCH_RETURN_IF_ERROR(Read(Place::kLogs, [&](SqlSession& session) {
    metrics.clear();
    return session.Query(
        "SELECT attempt, micros, name, tags, task_id, type, value FROM metric"
        " WHERE execution_id = $1 ORDER BY attempt, micros, name, tags LIMIT $2",
        {execution_id, int64_t{limit}}, [&](const SqlRow& row) {
          metrics.push_back({.execution_id = execution_id,
                             .attempt = row.Text(0),
                             .task_id = row.Text(4),
                             .name = row.Text(2),
                             .type = row.Text(5),
                             .value = row.Double(6),
                             .tags = row.Text(3),
                             .micros = row.Int(1)});
          return absl::OkStatus();
        });
  }));
  return metrics;
}

}  // namespace orch::store::sql
