// A Store between the strand and the real one of the simulation: it delays, refuses, loses answers,
// and shows every batch that has become durable to the checker.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "controlplane/store/store.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/sim_executor.h"
#include "tests/simulation/sometimes.h"

namespace orch::simulation {

struct StoreFaults {
  absl::Duration delay_max = absl::Milliseconds(5);
  double slow_rate = 0;              // A commit that takes seconds.
  double conflict_rate = 0;          // Refused, to be sent again.
  double no_room_rate = 0;           // Refused for lack of room.
  double unknown_done_rate = 0;      // The answer is lost, the batch is in.
  double unknown_not_done_rate = 0;  // The answer is lost, the batch is not.
  double unknown_late_rate = 0;      // The answer is lost, and COMMIT is still under way.
  double unavailable_rate = 0;       // Resolve finds nobody.
};

// Forwards everything else to the store beneath. One per life of a control plane: a commit that is still
// under way when its process dies may yet become durable, so the world keeps it until its own end.
class FaultStore final : public store::Store {
 public:
  FaultStore(store::Store& beneath, SimExecutor& world, Executor& process, Random& random,
             Checker& checker, Sometimes& sometimes, const StoreFaults& faults)
      : beneath_(beneath), world_(world), process_(process), random_(random), checker_(checker),
        sometimes_(sometimes), faults_(faults) {}

  // Its process is gone: nobody is answered any more.
  void ProcessDied() { *process_alive_ = false; }

  using store::Store::Commit;
  void Commit(std::shared_ptr<const store::Batch> batch,
              std::function<void(store::CommitResult)> done) override;
  void Resolve(const store::Batch& batch, std::function<void(store::Resolution)> done) override;

  absl::StatusOr<std::vector<store::Shard>> TakeShards(const std::string& owner,
                                                       absl::Duration lease_ttl) override {
    return beneath_.TakeShards(owner, lease_ttl);
  }
  absl::Status ReleaseShards(const std::string& owner) override {
    return beneath_.ReleaseShards(owner);
  }
  absl::StatusOr<std::vector<std::string>> FindBadAggregates(const store::Batch& batch) override {
    return beneath_.FindBadAggregates(batch);
  }
  absl::Status Write(const store::SharedRows& rows) override { return beneath_.Write(rows); }
  absl::StatusOr<std::vector<v1::ExecutionHead>> LiveHeads(uint32_t first, uint32_t last,
                                                           const std::string& after,
                                                           int limit) override {
    return beneath_.LiveHeads(first, last, after, limit);
  }
  absl::StatusOr<store::ExecutionRows> LoadExecution(const std::string& id) override {
    return beneath_.LoadExecution(id);
  }
  absl::StatusOr<std::vector<v1::Timer>> Timers(uint32_t first, uint32_t last, absl::Time due_before,
                                                int limit) override {
    return beneath_.Timers(first, last, due_before, limit);
  }
  absl::StatusOr<std::vector<v1::Mail>> Mails(uint32_t first, uint32_t last, int limit) override {
    return beneath_.Mails(first, last, limit);
  }
  absl::StatusOr<std::optional<store::FlowStateRows>> LoadFlowState(
      const std::string& tenant, const std::string& ns, const std::string& id) override {
    return beneath_.LoadFlowState(tenant, ns, id);
  }
  absl::StatusOr<std::optional<store::IdempotencyKey>> FindIdempotencyKey(
      const std::string& tenant, const std::string& key) override {
    return beneath_.FindIdempotencyKey(tenant, key);
  }
  absl::StatusOr<store::ExecutionPage> ListExecutions(const store::ExecutionFilter& filter,
                                                      const store::Page& page) override {
    return beneath_.ListExecutions(filter, page);
  }
  absl::StatusOr<v1::ExecutionHead> GetHead(const std::string& id) override {
    return beneath_.GetHead(id);
  }
  absl::StatusOr<v1::ExecutionPayload> GetPayload(const std::string& id) override {
    return beneath_.GetPayload(id);
  }
  absl::StatusOr<std::vector<v1::TaskRun>> ListRuns(const std::string& id, int64_t first,
                                                    int limit) override {
    return beneath_.ListRuns(id, first, limit);
  }
  absl::StatusOr<std::optional<v1::TaskRunPayload>> GetRunPayload(
      const std::string& id, int64_t number, v1::TaskRunPayload::Kind kind) override {
    return beneath_.GetRunPayload(id, number, kind);
  }
  absl::StatusOr<std::vector<v1::Record>> ListRecords(const std::string& aggregate, int64_t first,
                                                      int limit) override {
    return beneath_.ListRecords(aggregate, first, limit);
  }
  absl::StatusOr<std::vector<v1::EngineLog>> ListEngineLogs(const std::string& id) override {
    return beneath_.ListEngineLogs(id);
  }
  absl::StatusOr<std::optional<store::FlowRow>> GetFlow(const std::string& tenant,
                                                        const std::string& ns,
                                                        const std::string& id,
                                                        std::optional<int> revision) override {
    return beneath_.GetFlow(tenant, ns, id, revision);
  }
  absl::StatusOr<store::FlowPage> ListFlows(const store::FlowFilter& filter,
                                            const store::Page& page) override {
    return beneath_.ListFlows(filter, page);
  }
  absl::StatusOr<std::vector<store::FlowRow>> ListRevisions(const std::string& tenant,
                                                            const std::string& ns,
                                                            const std::string& id) override {
    return beneath_.ListRevisions(tenant, ns, id);
  }
  absl::StatusOr<std::optional<store::KvRow>> GetKv(const std::string& tenant,
                                                    const std::string& ns,
                                                    const std::string& key) override {
    return beneath_.GetKv(tenant, ns, key);
  }
  absl::StatusOr<std::vector<store::KvRow>> ListKv(const std::string& tenant, const std::string& ns,
                                                   const std::string& prefix, int limit) override {
    return beneath_.ListKv(tenant, ns, prefix, limit);
  }
  absl::StatusOr<std::optional<std::string>> GetAttemptAnswer(const std::string& attempt) override {
    return beneath_.GetAttemptAnswer(attempt);
  }
  absl::StatusOr<std::vector<store::TaskTypeRow>> ListTaskTypes() override {
    return beneath_.ListTaskTypes();
  }
  absl::Status AppendLogs(const std::vector<store::LogChunkRow>& chunks) override {
    return beneath_.AppendLogs(chunks);
  }
  absl::StatusOr<std::vector<store::LogChunkRow>> ListLogChunks(const std::string& id,
                                                                const std::string& after_attempt,
                                                                int64_t after_line,
                                                                int limit) override {
    return beneath_.ListLogChunks(id, after_attempt, after_line, limit);
  }
  absl::Status AppendMetrics(const std::vector<store::MetricRow>& metrics) override {
    return beneath_.AppendMetrics(metrics);
  }
  absl::StatusOr<std::vector<store::MetricRow>> ListMetrics(const std::string& id,
                                                            int limit) override {
    return beneath_.ListMetrics(id, limit);
  }
  absl::StatusOr<std::vector<v1::AuditRecord>> ListAudit(const std::string& tenant,
                                                         int limit) override {
    return beneath_.ListAudit(tenant, limit);
  }
  absl::Status Check() override { return beneath_.Check(); }
  absl::StatusOr<std::vector<std::string>> Orphans(int limit) override {
    return beneath_.Orphans(limit);
  }
  std::string Describe() const override { return beneath_.Describe(); }

 private:
  store::CommitResult Keep(const std::shared_ptr<const store::Batch>& batch);
  absl::Duration Delay();

  store::Store& beneath_;
  SimExecutor& world_;
  Executor& process_;
  Random& random_;
  Checker& checker_;
  Sometimes& sometimes_;
  const StoreFaults& faults_;
  // A COMMIT whose answer is lost while it is still under way; it lands here, or when asked about.
  std::shared_ptr<std::function<void()>> under_way_ =
      std::make_shared<std::function<void()>>();
  std::shared_ptr<bool> process_alive_ = std::make_shared<bool>(true);
};

}  // namespace orch::simulation
