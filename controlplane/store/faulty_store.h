// FaultyStore stands before a Store and hurts it: commits are slow, refused, lost, or land late.
//
// What it answers is always true: kCommitted was kept, kRefused was not, and kUnknown may be
// either. A batch that is under way lands in its own time, at the latest while it is resolved, as
// in a server that still works on a COMMIT whose client is gone.
//
// Time        Delays run on the Executor. Without one, nothing is slow and what is under way lands
//             when it is resolved.
// Threads     Not thread-safe, for a Store that answers on the Executor's strand or within the
// call. Ownership   Store, Executor and Random must outlive it; it must outlive what it posted.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/random.h"
#include "controlplane/store/store.h"

namespace orch::store {

// What becomes of one commit.
struct CommitFault {
  enum class Kind {
    kNone,
    kSlow,             // Kept at once, answered late.
    kRefused,          // Not kept; `refusal` says why.
    kUnknownDone,      // Kept, but nobody says so.
    kUnknownNotDone,   // Not kept, but nobody says so.
    kUnknownUnderWay,  // Nobody says so, and it is kept later.
    kDropped,          // As kUnknownUnderWay, and even that is said only after a long time.
  };
  static constexpr int kKindCount = 7;
  Kind kind = Kind::kNone;
  Refusal refusal = Refusal::kNone;
};

// How often each fault comes, from 0 to 1. All zero: the store is well.
struct FaultRates {
  double slow = 0;
  double refused = 0;  // Conflict, no room and no line in turn by chance.
  double unknown_done = 0;
  double unknown_not_done = 0;
  double unknown_under_way = 0;
  double dropped = 0;
  double doubled = 0;              // Kept and answered, and told to the store once more, later.
  double resolve_unavailable = 0;  // Resolve knows nothing yet.
  double read_unavailable = 0;     // A query or TakeShards fails.
  double write_unavailable = 0;    // Write and the logs' appends fail, nothing kept.
  double write_unknown_done = 0;   // Kept, but nobody says so.
  absl::Duration slow_max = absl::Seconds(2);
  absl::Duration drop_timeout = absl::Seconds(30);
};

class FaultyStore final : public Store {
 public:
  FaultyStore(Store& below, Executor* executor, Random& random)
      : below_(below), executor_(executor), random_(random) {}

  // From now on. To heal, give none.
  void SetRates(const FaultRates& rates) { rates_ = rates; }
  // The next commits meet these, in order, before chance has its say again.
  void Script(std::deque<CommitFault> faults) { script_ = std::move(faults); }
  // Whether a batch that Resolve had called not done became durable by itself: a broken promise.
  bool promise_broken() const { return promise_broken_; }
  // How many commits were told twice.
  int64_t doubled_count() const { return doubled_count_; }
  // How many commits met each kind.
  const std::array<int64_t, CommitFault::kKindCount>& counts() const { return counts_; }

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
  absl::Status Check() override;
  absl::StatusOr<std::vector<std::string>> Orphans(int limit) override;
  std::string Describe() const override { return below_.Describe() + ", faulty"; }

 private:
  // A batch that a server still works on.
  struct UnderWay {
    std::shared_ptr<const Batch> batch;
    std::function<void(CommitResult)> unanswered;  // Of a dropped one.
    TimerId landing = kNoTimer;
    bool called_not_done = false;
    TimerId giving_up = kNoTimer;
  };

  bool Chance(double rate) { return rate > 0 && random_.Unit() < rate; }
  CommitFault Draw();
  void Later(std::function<void()> work);
  void StartUnderWay(std::shared_ptr<const Batch> batch, std::function<void(CommitResult)> done);
  // Lets the batch of this id land, if it is under way, and then goes on.
  void Land(const std::string& id, std::function<void()> then);
  absl::Status ReadFault();
  absl::Status AfterWrite(absl::Status status);

  Store& below_;
  Executor* executor_;
  Random& random_;
  FaultRates rates_;
  std::deque<CommitFault> script_;
  std::array<int64_t, CommitFault::kKindCount> counts_{};
  std::map<std::string, UnderWay> under_way_;
  bool promise_broken_ = false;
  int64_t doubled_count_ = 0;
};

}  // namespace orch::store
