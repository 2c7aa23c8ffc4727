// SimulatedStore is a Store in memory, for simulations: it keeps every promise but durability.
//
// Invariant: the same calls give the same answers, whatever the machine does.
//
// Time        Reads the Clock it is given; what it tells as the store's clock never goes back.
// Threads     Not thread-safe, and starts none. Commit and Resolve answer by the Executor, or
// within
//             the call when there is none.
// Memory      Everything that was ever written.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "base/executor.h"
#include "controlplane/store/store.h"

namespace orch::store {

class SimulatedStore final : public Store {
 public:
  // `clock`, and `executor` unless null, must outlive it.
  explicit SimulatedStore(Clock& clock, Executor* executor = nullptr, int shard_count = 1);

  // The process of this owner has died, or those of all: their shards are free at once.
  void OwnerDied(const std::string& owner) { living_.erase(owner); }
  void AllOwnersDied() { living_.clear(); }

  // From now on the head of this execution cannot be decoded.
  void BreakHead(const std::string& execution_id) { broken_.insert(execution_id); }

  // From now on `told` sees every batch that is committed, in order: for checkers.
  void OnCommitted(std::function<void(const Batch&)> told) { on_committed_ = std::move(told); }
  // Called for each shard that has got a new epoch.
  void OnTaken(std::function<void(const Shard&)> told) { on_taken_ = std::move(told); }

  absl::StatusOr<std::vector<Shard>> TakeShards(const std::string& owner,
                                                absl::Duration lease_ttl) override;
  absl::Status ReleaseShards(const std::string& owner) override;
  using Store::Commit;
  void Commit(std::shared_ptr<const Batch> batch, std::function<void(CommitResult)> done) override;
  void Resolve(const Batch& batch, std::function<void(Resolution)> done) override;
  absl::StatusOr<std::vector<std::string>> FindBadAggregates(const Batch& batch) override;
  absl::Status Write(const SharedRows& rows) override;

  absl::StatusOr<std::vector<v1::ExecutionHead>> LiveHeads(uint32_t bucket_first,
                                                           uint32_t bucket_last,
                                                           const std::string& after_id,
                                                           int limit) override;
  absl::StatusOr<ExecutionRows> LoadExecution(const std::string& execution_id) override;
  absl::StatusOr<std::vector<v1::Timer>> Timers(uint32_t bucket_first, uint32_t bucket_last,
                                                absl::Time due_before, int limit) override;
  absl::StatusOr<std::vector<v1::Mail>> Mails(uint32_t bucket_first, uint32_t bucket_last,
                                              int limit) override;
  absl::StatusOr<std::optional<FlowStateRows>> LoadFlowState(const std::string& tenant,
                                                             const std::string& ns,
                                                             const std::string& flow_id) override;
  absl::StatusOr<std::optional<IdempotencyKey>> FindIdempotencyKey(const std::string& tenant,
                                                                   const std::string& key) override;
  absl::StatusOr<ExecutionPage> ListExecutions(const ExecutionFilter& filter,
                                               const Page& page) override;
  absl::StatusOr<ExecutionSummary> SummarizeExecutions(const ExecutionFilter& filter,
                                                       absl::Duration step, int limit) override;
  absl::StatusOr<v1::ExecutionHead> GetHead(const std::string& execution_id) override;
  absl::StatusOr<v1::ExecutionPayload> GetPayload(const std::string& execution_id) override;
  absl::StatusOr<std::vector<v1::TaskRun>> ListRuns(const std::string& execution_id, int64_t first,
                                                    int limit) override;
  absl::StatusOr<std::optional<v1::TaskRunPayload>> GetRunPayload(
      const std::string& execution_id, int64_t number, v1::TaskRunPayload::Kind kind) override;
  absl::StatusOr<std::vector<v1::Record>> ListRecords(const std::string& aggregate, int64_t first,
                                                      int limit) override;
  absl::StatusOr<std::vector<v1::EngineLog>> ListEngineLogs(
      const std::string& execution_id) override;
  absl::StatusOr<std::optional<FlowRow>> GetFlow(const std::string& tenant, const std::string& ns,
                                                 const std::string& id,
                                                 std::optional<int> revision) override;
  absl::StatusOr<FlowPage> ListFlows(const FlowFilter& filter, const Page& page) override;
  absl::StatusOr<std::vector<FlowRow>> ListRevisions(const std::string& tenant,
                                                     const std::string& ns,
                                                     const std::string& id) override;
  absl::StatusOr<std::optional<KvRow>> GetKv(const std::string& tenant, const std::string& ns,
                                             const std::string& key) override;
  absl::StatusOr<std::vector<KvRow>> ListKv(const std::string& tenant, const std::string& ns,
                                            const std::string& prefix, int limit) override;
  absl::StatusOr<std::optional<std::string>> GetAttemptAnswer(const std::string& attempt) override;
  absl::StatusOr<std::vector<TaskTypeRow>> ListTaskTypes() override;
  absl::Status AppendLogs(const std::vector<LogChunkRow>& chunks) override;
  absl::StatusOr<std::vector<LogChunkRow>> ListLogChunks(const std::string& execution_id,
                                                         const std::string& after_attempt,
                                                         int64_t after_line, int limit) override;
  absl::Status AppendMetrics(const std::vector<MetricRow>& metrics) override;
  absl::StatusOr<std::vector<MetricRow>> ListMetrics(const std::string& execution_id,
                                                     int limit) override;
  absl::StatusOr<std::vector<v1::AuditRecord>> ListAudit(const std::string& tenant,
                                                         int limit) override;
  absl::Status Check() override { return absl::OkStatus(); }
  absl::StatusOr<std::vector<std::string>> Orphans(int limit) override;
  std::string Describe() const override { return "a simulation in memory"; }

 private:
  using Text = std::string;
  using FlowKey = std::tuple<Text, Text, Text>;  // Tenant, namespace, id.

  absl::Time Now();
  CommitResult CommitNow(const Batch& batch);
  Resolution::Outcome Look(const Batch& batch) const;
  // What a commit makes of it: the same, without the museum's bugs.
  Resolution::Outcome LookToCommit(const Batch& batch) const;
  // Why rows cannot be put, if they cannot.
  absl::Status CheckRows(const Rows& rows) const;
  void Put(const Rows& rows);
  v1::ExecutionHead HeadOf(const v1::ExecutionHead& head) const;
  bool Matches(const ExecutionFilter& filter, const v1::ExecutionHead& head) const;
  bool IsOrphan(const v1::ExecutionHead& head) const;
  template <typename Answer>
  void Tell(std::function<void(Answer)> done, Answer answer);

  Clock& clock_;
  Executor* executor_;
  absl::Time now_ = absl::InfinitePast();
  std::map<int, Shard> shards_;
  std::set<Text> living_;
  std::set<Text> broken_;
  std::function<void(const Batch&)> on_committed_;
  std::function<void(const Shard&)> on_taken_;

  std::map<std::pair<int, Text>, v1::ExecutionHead> heads_;  // By day and id.
  std::map<Text, v1::ExecutionPayload> payloads_;
  std::map<std::pair<Text, int64_t>, v1::TaskRun> runs_;
  std::map<std::tuple<Text, int64_t, int>, v1::TaskRunPayload> run_payloads_;
  std::map<std::tuple<Text, int64_t, int>, v1::Timer> timers_;
  std::map<std::tuple<Text, Text, int64_t>, v1::Mail> mails_;
  std::map<std::tuple<Text, int64_t, int64_t, int>, v1::EngineLog> engine_logs_;
  std::map<std::pair<Text, int64_t>, v1::RecordRow> records_;
  std::map<FlowKey, v1::FlowState> flow_states_;
  std::map<std::tuple<Text, Text, Text, Text>, v1::FlowSlot> slots_;
  std::map<std::pair<Text, Text>, IdempotencyKey> idempotency_keys_;
  std::map<std::tuple<Text, int64_t, Text>, v1::AuditRecord> audits_;
  std::map<FlowKey, std::map<int, FlowRow>> flows_;
  std::map<std::tuple<Text, Text, Text>, KvRow> kv_;
  std::map<std::tuple<Text, Text, Text>, TaskTypeRow> task_types_;
  std::map<Text, Text> attempt_answers_;
  std::map<std::tuple<Text, Text, int64_t>, LogChunkRow> log_chunks_;
  std::map<std::tuple<Text, Text, int64_t, Text, Text>, MetricRow> metrics_;
};

}  // namespace orch::store
