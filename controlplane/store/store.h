// Store keeps what Orch must not lose: executions and their runs, records, flows, logs, keys.
//
// All change of executions goes through Commit, one batch at a time for each shard, guarded by the
// shard's epoch (who owns it) and sequence (which batch is next). A batch is kept whole or not at
// all. When an answer is lost, Resolve finds out what happened; nobody may guess.
//
// Time        `now` of a commit is the store's own clock (Postgres: the database's).
// Threads     Thread-safe. Commit and Resolve answer by a callback on a thread of the store, or at
//             once in the caller's; it must only hand over. All else blocks: call it from a pool.
// Durability  kCommitted means: on disk, survives the loss of power. So does an OK of Write.
// Memory      Bounded by the batches in flight; queries return at most what their limits say.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/store/rows.h"

namespace orch::store {

// A range of buckets with one owner at a time.
struct Shard {
  int id = 0;
  uint32_t bucket_first = 0;
  uint32_t bucket_last = 65535;
  std::string owner;     // Replica that holds it, "" when free.
  int64_t epoch = 0;     // Grows with every change of owner.
  int64_t sequence = 0;  // Number of the last committed batch.
  std::string batch;     // Id of the last committed batch.
  absl::Time expires_at;
};

// What a batch claims about a shard it writes: "I am the owner of this epoch and this is the
// batch after `sequence - 1`".
struct ShardClaim {
  int shard = 0;
  int64_t epoch = 0;
  int64_t sequence = 0;
};

struct Batch {
  std::string id;                                // Unique; the same when the batch is sent again.
  std::vector<ShardClaim> claims;                // In order of shard id; at least one.
  absl::Duration lease_ttl = absl::Seconds(10);  // The shards' ownership is extended by it.
  Rows rows;
};

enum class Refusal {
  kNone,
  kConflict,  // Serialization failure, deadlock, busy: the same batch again, at once.
  kNoRoom,    // Disk full, read-only: keep the batch, take no new input, try each second.
  kNoLine,    // No connection and nothing was sent: as kNoRoom.
  kBadRow,    // One row cannot be stored: find its execution, quarantine it.
};

struct CommitResult {
  enum class Outcome {
    kCommitted,
    kRefused,  // Nothing was kept; `refusal` says what to do.
    kFenced,   // Someone else owns a shard, or a batch was skipped: drop its memory.
    kUnknown,  // It may have happened. Resolve before anything else is sent.
  };
  Outcome outcome = Outcome::kUnknown;
  Refusal refusal = Refusal::kNone;
  std::string message;
  absl::Time now;  // The store's clock, when committed.
};

struct Resolution {
  enum class Outcome {
    kCommitted,    // The batch is in.
    kNotDone,      // It is not and never will be: send it again under the same id.
    kFenced,       // The shard has another owner or went on without us.
    kUnavailable,  // No answer; ask again.
  };
  Outcome outcome = Outcome::kUnavailable;
  std::string message;
  absl::Time now;
};

class Store {
 public:
  virtual ~Store() = default;

  // ---- Shards and batches -----------------------------------------------------------------------

  // Takes every shard that is free, expired, or held by an owner known to be dead, for `owner`:
  // epoch + 1. Answers all shards that `owner` holds now, in order of id. Safe to repeat: a shard
  // that this Store took for `owner` before keeps its epoch and gets a new term. Names are of one
  // process: a new start draws a new one.
  //   kAlreadyExists  a process that lives goes by this name.
  virtual absl::StatusOr<std::vector<Shard>> TakeShards(const std::string& owner,
                                                        absl::Duration lease_ttl) = 0;
  // Gives `owner`'s shards back, at a planned stop.
  virtual absl::Status ReleaseShards(const std::string& owner) = 0;

  // Writes one batch. At most one batch per strand is in flight. A batch that is in already, sent
  // again, is kCommitted and changes nothing.
  virtual void Commit(std::shared_ptr<const Batch> batch,
                      std::function<void(CommitResult)> done) = 0;
  // The same with a copy of `batch`: for who sends few rows.
  void Commit(const Batch& batch, std::function<void(CommitResult)> done) {
    Commit(std::make_shared<const Batch>(batch), std::move(done));
  }

  // Finds out whether `batch`, whose answer was lost, happened. Waits for a COMMIT still under way.
  virtual void Resolve(const Batch& batch, std::function<void(Resolution)> done) = 0;

  // Tries each aggregate's rows of `batch` in a transaction that is rolled back, and names the
  // aggregates (execution ids) that cannot be stored. Used after Refusal::kBadRow.
  virtual absl::StatusOr<std::vector<std::string>> FindBadAggregates(const Batch& batch) = 0;

  // ---- What belongs to no shard -----------------------------------------------------------------

  // One transaction of rows that belong to no shard (flows, keys, catalog, answers of attempts).
  // All or nothing; what SharedRows says of each row is checked in it:
  //   kAborted           an expectation does not hold: start over from the read.
  //   kResourceExhausted no room on disk.     kUnavailable  no connection, nothing was written.
  //   kInvalidArgument   a row cannot be stored (such as a NUL in a key).
  //   kUnknown           the answer was lost; every row here is safe to write again.
  virtual absl::Status Write(const SharedRows& rows) = 0;

  // Errors of all queries: kUnavailable (ask again), kInvalidArgument (bad cursor or id), kDataLoss
  // (what is stored cannot be decoded: this one aggregate is lost, the others are not).

  // ---- Loading (a shard's owner) ----------------------------------------------------------------

  // Heads of executions that are live, in order of id, after `after_id`; at most `limit`. A head
  // that cannot be decoded comes with what the columns know (id, bucket, state, …) and version -1;
  // LoadExecution says why.
  virtual absl::StatusOr<std::vector<v1::ExecutionHead>> LiveHeads(uint32_t bucket_first,
                                                                   uint32_t bucket_last,
                                                                   const std::string& after_id,
                                                                   int limit) = 0;
  // Everything of one execution. kNotFound when there is none.
  virtual absl::StatusOr<ExecutionRows> LoadExecution(const std::string& execution_id) = 0;
  // In order of due time.
  virtual absl::StatusOr<std::vector<v1::Timer>> Timers(uint32_t bucket_first, uint32_t bucket_last,
                                                        absl::Time due_before, int limit) = 0;
  // In order of receiver, sender, sequence.
  virtual absl::StatusOr<std::vector<v1::Mail>> Mails(uint32_t bucket_first, uint32_t bucket_last,
                                                      int limit) = 0;
  virtual absl::StatusOr<std::optional<FlowStateRows>> LoadFlowState(
      const std::string& tenant, const std::string& ns, const std::string& flow_id) = 0;
  // Execution id stored under an idempotency key, with the digest of its request.
  virtual absl::StatusOr<std::optional<IdempotencyKey>> FindIdempotencyKey(
      const std::string& tenant, const std::string& key) = 0;

  // ---- Reading (anyone) -------------------------------------------------------------------------

  //   kInvalidArgument  page × size > 10,000, size not in 1..1,000, or a cursor of another list.
  virtual absl::StatusOr<ExecutionPage> ListExecutions(const ExecutionFilter& filter,
                                                       const Page& page) = 0;
  // Counts those that match by state and time of creation; the newest `limit` when there are more.
  //   kInvalidArgument  step < 1 µs.
  virtual absl::StatusOr<ExecutionSummary> SummarizeExecutions(const ExecutionFilter& filter,
                                                               absl::Duration step, int limit) = 0;
  //   kNotFound  there is no such execution.
  virtual absl::StatusOr<v1::ExecutionHead> GetHead(const std::string& execution_id) = 0;
  virtual absl::StatusOr<v1::ExecutionPayload> GetPayload(const std::string& execution_id) = 0;
  // Runs in order of number from `first`, at most `limit`.
  virtual absl::StatusOr<std::vector<v1::TaskRun>> ListRuns(const std::string& execution_id,
                                                            int64_t first, int limit) = 0;
  virtual absl::StatusOr<std::optional<v1::TaskRunPayload>> GetRunPayload(
      const std::string& execution_id, int64_t number, v1::TaskRunPayload::Kind kind) = 0;
  // Records numbered `first` and up, in order, at most `limit`.
  virtual absl::StatusOr<std::vector<v1::Record>> ListRecords(const std::string& aggregate,
                                                              int64_t first, int limit) = 0;
  virtual absl::StatusOr<std::vector<v1::EngineLog>> ListEngineLogs(
      const std::string& execution_id) = 0;

  // Flows. A revision is never changed once written. Without `revision` the newest, which may say
  // `deleted`.
  virtual absl::StatusOr<std::optional<FlowRow>> GetFlow(const std::string& tenant,
                                                         const std::string& ns,
                                                         const std::string& id,
                                                         std::optional<int> revision) = 0;
  virtual absl::StatusOr<FlowPage> ListFlows(const FlowFilter& filter, const Page& page) = 0;
  // Oldest first.
  virtual absl::StatusOr<std::vector<FlowRow>> ListRevisions(const std::string& tenant,
                                                             const std::string& ns,
                                                             const std::string& id) = 0;

  // Key-value entries. Expired ones are returned; the caller looks at expires_at.
  virtual absl::StatusOr<std::optional<KvRow>> GetKv(const std::string& tenant,
                                                     const std::string& ns,
                                                     const std::string& key) = 0;
  virtual absl::StatusOr<std::vector<KvRow>> ListKv(const std::string& tenant,
                                                    const std::string& ns,
                                                    const std::string& prefix, int limit) = 0;
  // The first answer written for an attempt by Write(SharedRows::attempt_answers).
  virtual absl::StatusOr<std::optional<std::string>> GetAttemptAnswer(
      const std::string& attempt) = 0;
  virtual absl::StatusOr<std::vector<TaskTypeRow>> ListTaskTypes() = 0;

  // Logs: chunks of compressed lines on a connection of their own. Appending a chunk whose
  // (attempt, first line) is there changes nothing.
  virtual absl::Status AppendLogs(const std::vector<LogChunkRow>& chunks) = 0;
  virtual absl::StatusOr<std::vector<LogChunkRow>> ListLogChunks(const std::string& execution_id,
                                                                 const std::string& after_attempt,
                                                                 int64_t after_line, int limit) = 0;
  // Appending a metric whose (execution, attempt, micros, name, tags) is there changes nothing.
  virtual absl::Status AppendMetrics(const std::vector<MetricRow>& metrics) = 0;
  virtual absl::StatusOr<std::vector<MetricRow>> ListMetrics(const std::string& execution_id,
                                                             int limit) = 0;
  // Newest first.
  virtual absl::StatusOr<std::vector<v1::AuditRecord>> ListAudit(const std::string& tenant,
                                                                 int limit) = 0;

  // ---- Health -----------------------------------------------------------------------------------

  // OK when the store can be read and written now.
  virtual absl::Status Check() = 0;
  // Executions that are live but have neither ready work, lease, timer, mail, queue place nor an
  // explicit wait. Must read none.
  virtual absl::StatusOr<std::vector<std::string>> Orphans(int limit) = 0;
  virtual std::string Describe() const = 0;  // "SQLite 3.40.1 at /…", "PostgreSQL 15.18"
};

}  // namespace orch::store
