// The rows that a store keeps, as values. Those of executions are messages of
// proto/orch/v1/rows.proto, the same in memory, in the store and in records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "orch/v1/rows.pb.h"

namespace orch::store {

namespace v1 = ::orch::v1;

struct MailKey {
  std::string receiver;
  std::string sender;
  int64_t sequence = 0;
};

struct IdempotencyKey {
  std::string tenant;
  std::string key;
  std::string execution_id;
  std::string digest;  // sha256 of the request, to tell a repeat from a conflict.
  absl::Time created_at;
};

// Rows of executions: one batch of a strand. At most one row per key: last state wins.
struct Rows {
  std::vector<v1::ExecutionHead> heads;
  std::vector<v1::ExecutionPayload> payloads;
  std::vector<v1::TaskRun> runs;
  std::vector<v1::TaskRunPayload> run_payloads;
  std::vector<v1::Timer> timers;
  std::vector<v1::TimerKey> timers_gone;
  std::vector<v1::Mail> mails;
  std::vector<MailKey> mails_gone;
  std::vector<v1::EngineLog> engine_logs;
  std::vector<v1::RecordRow> records;
  std::vector<v1::FlowState> flow_states;
  std::vector<v1::FlowSlot> slots;
  std::vector<v1::FlowSlot> slots_gone;  // Keys.
  std::vector<IdempotencyKey>
      idempotency_keys;  // Inserted; one that is there refuses the batch as kBadRow.
  std::vector<v1::AuditRecord> audits;

  bool empty() const;
  int64_t Count() const;  // Rows, those gone included.
};

struct ExecutionRows {
  v1::ExecutionHead head;
  v1::ExecutionPayload payload;
  std::vector<v1::TaskRun> runs;  // In order of number.
  std::vector<v1::TaskRunPayload> run_payloads;
  std::vector<v1::Timer> timers;
};

struct FlowStateRows {
  v1::FlowState state;
  std::vector<v1::FlowSlot> slots;
};

struct FlowRow {
  std::string tenant;
  std::string namespace_;
  std::string id;
  int revision = 0;
  bool deleted = false;
  bool disabled = false;
  std::string source;  // YAML as it was given.
  std::string digest;  // Of the normalised content, to tell whether a save changes anything.
  std::string description;
  std::vector<v1::Label> labels;
  absl::Time updated_at;
};

struct KvRow {
  std::string tenant;
  std::string namespace_;
  std::string key;
  std::string type;   // STRING NUMBER BOOLEAN DATETIME DATE DURATION JSON
  std::string value;  // JSON text.
  std::string description;
  int revision = 0;
  absl::Time created_at;
  absl::Time updated_at;
  std::optional<absl::Time> expires_at;
};

struct TaskTypeRow {
  std::string type;
  std::string version;
  std::string digest;  // sha256 of the schema
  std::string schema;  // JSON
  std::string markdown;
  absl::Time seen_at;
};

// One answer per attempt: a system task that is told twice answers the same.
struct AttemptAnswerRow {
  std::string attempt;
  std::string answer;
};

// What belongs to no shard; one transaction.
struct SharedRows {
  // A flow revision is inserted; if (tenant, ns, id, revision) is there: kAborted.
  std::vector<FlowRow> flows;
  std::vector<v1::Mail> mails;  // To FlowState, and requests without an owner.
  std::vector<KvRow> kv;        // Upserted; `revision` must be the stored one + 1, else kAborted.
  std::vector<KvRow> kv_gone;   // Keys.
  std::vector<TaskTypeRow> task_types;
  std::vector<AttemptAnswerRow> attempt_answers;  // Inserted; one that is there: kAborted.
  std::vector<v1::AuditRecord> audits;
};

struct Page {
  int page = 1;  // 1-based; page * size <= 10,000
  int size = 10;
  std::string cursor;  // Takes precedence over page when not empty.
};

struct ExecutionFilter {
  std::string tenant = "main";
  std::string namespace_;  // Equal, or a prefix that ends at a dot; "" for all.
  std::string flow_id;
  std::vector<v1::State> states;
  std::vector<v1::Label> labels;
  std::optional<absl::Time> created_after;   // At or after.
  std::optional<absl::Time> created_before;  // Before.
  std::string query;  // Part of the id, flow id or namespace; ASCII case is ignored.
  std::string parent_id;
};

struct ExecutionPage {
  std::vector<v1::ExecutionHead> heads;        // Newest first.
  std::vector<v1::ExecutionPayload> payloads;  // One per head, same order.
  int64_t total = 0;                           // Exact up to 10,000.
  bool total_estimated = false;                // There are more than `total`, which says 10,000.
  std::string next_cursor;                     // "" when this is the last page.
};

// How many executions were created from `from` on, for one step, and are in this state now.
struct ExecutionCount {
  absl::Time from;  // A multiple of the step since 1970.
  v1::State state = v1::STATE_UNSPECIFIED;
  int64_t count = 0;
};

struct ExecutionSummary {
  std::vector<ExecutionCount> counts;  // By time, then state; none that is 0.
  bool complete = true;                // False: only the newest ones were counted.
};

struct FlowFilter {
  std::string tenant = "main";
  std::string namespace_;  // Equal, or a prefix that ends at a dot; "" for all.
  std::string query;       // Part of the id or namespace; ASCII case is ignored.
  bool with_deleted = false;
};

struct FlowPage {
  std::vector<FlowRow> flows;  // Newest revision of each, by namespace and id.
  int64_t total = 0;
  std::string next_cursor;
};

// Lines of one attempt: zstd of lines. Key: execution_id, attempt, first_line.
struct LogChunkRow {
  std::string execution_id;
  std::string attempt;  // "<task run id>/<attempt number>"
  int64_t first_line = 1;
  int64_t line_count = 0;
  int64_t gap_count = 0;              // Lines lost just before first_line.
  std::vector<int64_t> level_counts;  // TRACE DEBUG INFO WARN ERROR
  int64_t first_micros = 0;
  int64_t last_micros = 0;
  std::string task_id;
  std::string body;  // zstd(serialized orch.v1.LogLines)
};

struct MetricRow {
  std::string execution_id;
  std::string attempt;
  std::string task_id;
  std::string name;
  std::string type;
  double value = 0;
  std::string tags;  // JSON object.
  int64_t micros = 0;
};

}  // namespace orch::store
