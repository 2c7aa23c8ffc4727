#include "controlplane/store/faulty_store.h"

#include <utility>

#include "base/museum.h"
#include "base/status_macros.h"

namespace orch::store {
namespace {

using Kind = CommitFault::Kind;

constexpr absl::Duration kDoubledLater = absl::Seconds(20);

CommitResult Unknown(std::string message) {
  return {.outcome = CommitResult::Outcome::kUnknown, .message = std::move(message)};
}

}  // namespace

CommitFault FaultyStore::Draw() {
  if (!script_.empty()) {
    const CommitFault next = script_.front();
    script_.pop_front();
    return next;
  }
  if (Chance(rates_.refused)) {
    static constexpr Refusal kRefusals[] = {Refusal::kConflict, Refusal::kNoRoom, Refusal::kNoLine};
    return {Kind::kRefused, kRefusals[random_.Below(3)]};
  }
  if (Chance(rates_.unknown_done)) return {Kind::kUnknownDone};
  if (Chance(rates_.unknown_not_done)) return {Kind::kUnknownNotDone};
  if (Chance(rates_.unknown_under_way)) return {Kind::kUnknownUnderWay};
  if (Chance(rates_.dropped)) return {Kind::kDropped};
  if (Chance(rates_.slow)) return {Kind::kSlow};
  return {};
}

void FaultyStore::Later(std::function<void()> work) {
  if (executor_ == nullptr) return work();
  executor_->PostAt(rates_.slow_max * random_.Unit(), std::move(work));
}

void FaultyStore::Commit(std::shared_ptr<const Batch> batch,
                         std::function<void(CommitResult)> done) {
  const CommitFault fault = Draw();
  const bool is_kept = fault.kind == Kind::kNone || fault.kind == Kind::kSlow;
  if (is_kept && executor_ != nullptr && Chance(rates_.doubled)) {
    ++doubled_count_;
    executor_->PostAt(kDoubledLater * random_.Unit(),
                      [this, batch] { below_.Commit(batch, [](CommitResult) {}); });
  }
  ++counts_[static_cast<size_t>(fault.kind)];
  switch (fault.kind) {
    case Kind::kNone: return below_.Commit(std::move(batch), std::move(done));
    case Kind::kSlow:
      return below_.Commit(std::move(batch), [this, done = std::move(done)](CommitResult result) {
        Later([done, result = std::move(result)] { done(result); });
      });
    case Kind::kRefused:
      return done({.outcome = CommitResult::Outcome::kRefused,
                   .refusal = fault.refusal,
                   .message = "refused by the fault plan"});
    case Kind::kUnknownDone:
      return below_.Commit(std::move(batch), [done = std::move(done)](CommitResult) {
        done(Unknown("the answer was lost"));
      });
    case Kind::kUnknownNotDone: return done(Unknown("the batch was lost"));
    case Kind::kUnknownUnderWay:
      StartUnderWay(std::move(batch), nullptr);
      return done(Unknown("the line was cut"));
    case Kind::kDropped: return StartUnderWay(std::move(batch), std::move(done));
  }
}

void FaultyStore::StartUnderWay(std::shared_ptr<const Batch> batch,
                                std::function<void(CommitResult)> done) {
  const std::string id = batch->id;
  UnderWay& entry = under_way_[id];
  entry.batch = std::move(batch);
  entry.unanswered = std::move(done);
  if (executor_ == nullptr) return;
  entry.landing = executor_->PostAt(rates_.slow_max * random_.Unit(), [this, id] {
    const auto found = under_way_.find(id);
    if (found == under_way_.end() || found->second.batch == nullptr) return;
    const std::shared_ptr<const Batch> landed = std::exchange(found->second.batch, nullptr);
    promise_broken_ = promise_broken_ || found->second.called_not_done;
    if (found->second.unanswered == nullptr) under_way_.erase(found);
    below_.Commit(landed, [](CommitResult) {});
  });
  if (entry.unanswered == nullptr) return;
  entry.giving_up = executor_->PostAt(rates_.drop_timeout, [this, id] {
    const auto found = under_way_.find(id);
    if (found == under_way_.end() || found->second.unanswered == nullptr) return;
    const auto answer = std::exchange(found->second.unanswered, nullptr);
    if (found->second.batch == nullptr) under_way_.erase(found);
    answer(Unknown("no answer came in time"));
  });
}

void FaultyStore::Land(const std::string& id, std::function<void()> then) {
  auto node = under_way_.extract(id);
  if (node.empty()) return then();
  UnderWay entry = std::move(node.mapped());
  if (entry.landing != kNoTimer) executor_->Cancel(entry.landing);
  if (entry.giving_up != kNoTimer) executor_->Cancel(entry.giving_up);
  if (entry.batch == nullptr) return then();
  below_.Commit(entry.batch, [then = std::move(then)](CommitResult) { then(); });
}

void FaultyStore::Resolve(const Batch& batch, std::function<void(Resolution)> done) {
  if (Chance(rates_.resolve_unavailable)) {
    return done({.outcome = Resolution::Outcome::kUnavailable, .message = "no line"});
  }
  Batch question{.id = batch.id, .claims = batch.claims};
  if (HasBug("the look-up does not wait")) {
    return below_.Resolve(question, [this, id = batch.id, done](Resolution resolution) {
      const auto under_way = under_way_.find(id);
      if (under_way != under_way_.end() && resolution.outcome == Resolution::Outcome::kNotDone) {
        under_way->second.called_not_done = true;
      }
      done(std::move(resolution));
    });
  }
  Land(batch.id, [this, question = std::move(question), done = std::move(done)] {
    below_.Resolve(question, done);
  });
}

absl::Status FaultyStore::ReadFault() {
  return Chance(rates_.read_unavailable) ? absl::UnavailableError("no line") : absl::OkStatus();
}

absl::Status FaultyStore::AfterWrite(absl::Status status) {
  if (status.ok() && Chance(rates_.write_unknown_done)) {
    return absl::UnknownError("the answer was lost");
  }
  return status;
}

absl::Status FaultyStore::Write(const SharedRows& rows) {
  if (Chance(rates_.write_unavailable)) return absl::UnavailableError("no line");
  return AfterWrite(below_.Write(rows));
}

absl::Status FaultyStore::AppendLogs(const std::vector<LogChunkRow>& chunks) {
  if (Chance(rates_.write_unavailable)) return absl::UnavailableError("no line");
  return AfterWrite(below_.AppendLogs(chunks));
}

absl::Status FaultyStore::AppendMetrics(const std::vector<MetricRow>& metrics) {
  if (Chance(rates_.write_unavailable)) return absl::UnavailableError("no line");
  return AfterWrite(below_.AppendMetrics(metrics));
}

// The rest passes through, unless the line is down.
#define ORCH_PASS(call)              \
  ORCH_RETURN_IF_ERROR(ReadFault()); \
  return below_.call

absl::StatusOr<std::vector<Shard>> FaultyStore::TakeShards(const std::string& owner,
                                                           absl::Duration lease_ttl) {
  ORCH_PASS(TakeShards(owner, lease_ttl));
}
absl::Status FaultyStore::ReleaseShards(const std::string& owner) {
  ORCH_PASS(ReleaseShards(owner));
}
absl::StatusOr<std::vector<std::string>> FaultyStore::FindBadAggregates(const Batch& batch) {
  ORCH_PASS(FindBadAggregates(batch));
}
absl::StatusOr<std::vector<v1::ExecutionHead>> FaultyStore::LiveHeads(uint32_t bucket_first,
                                                                      uint32_t bucket_last,
                                                                      const std::string& after_id,
                                                                      int limit) {
  ORCH_PASS(LiveHeads(bucket_first, bucket_last, after_id, limit));
}
absl::StatusOr<ExecutionRows> FaultyStore::LoadExecution(const std::string& execution_id) {
  ORCH_PASS(LoadExecution(execution_id));
}
absl::StatusOr<std::vector<v1::Timer>> FaultyStore::Timers(uint32_t bucket_first,
                                                           uint32_t bucket_last,
                                                           absl::Time due_before, int limit) {
  ORCH_PASS(Timers(bucket_first, bucket_last, due_before, limit));
}
absl::StatusOr<std::vector<v1::Mail>> FaultyStore::Mails(uint32_t bucket_first,
                                                         uint32_t bucket_last, int limit) {
  ORCH_PASS(Mails(bucket_first, bucket_last, limit));
}
absl::StatusOr<std::optional<FlowStateRows>> FaultyStore::LoadFlowState(
    const std::string& tenant, const std::string& ns, const std::string& flow_id) {
  ORCH_PASS(LoadFlowState(tenant, ns, flow_id));
}
absl::StatusOr<std::optional<IdempotencyKey>> FaultyStore::FindIdempotencyKey(
    const std::string& tenant, const std::string& key) {
  ORCH_PASS(FindIdempotencyKey(tenant, key));
}
absl::StatusOr<ExecutionPage> FaultyStore::ListExecutions(const ExecutionFilter& filter,
                                                          const Page& page) {
  ORCH_PASS(ListExecutions(filter, page));
}
absl::StatusOr<ExecutionSummary> FaultyStore::SummarizeExecutions(const ExecutionFilter& filter,
                                                                  absl::Duration step, int limit) {
  ORCH_PASS(SummarizeExecutions(filter, step, limit));
}
absl::StatusOr<v1::ExecutionHead> FaultyStore::GetHead(const std::string& execution_id) {
  ORCH_PASS(GetHead(execution_id));
}
absl::StatusOr<v1::ExecutionPayload> FaultyStore::GetPayload(const std::string& execution_id) {
  ORCH_PASS(GetPayload(execution_id));
}
absl::StatusOr<std::vector<v1::TaskRun>> FaultyStore::ListRuns(const std::string& execution_id,
                                                               int64_t first, int limit) {
  ORCH_PASS(ListRuns(execution_id, first, limit));
}
absl::StatusOr<std::optional<v1::TaskRunPayload>> FaultyStore::GetRunPayload(
    const std::string& execution_id, int64_t number, v1::TaskRunPayload::Kind kind) {
  ORCH_PASS(GetRunPayload(execution_id, number, kind));
}
absl::StatusOr<std::vector<v1::Record>> FaultyStore::ListRecords(const std::string& aggregate,
                                                                 int64_t first, int limit) {
  ORCH_PASS(ListRecords(aggregate, first, limit));
}
absl::StatusOr<std::vector<v1::EngineLog>> FaultyStore::ListEngineLogs(
    const std::string& execution_id) {
  ORCH_PASS(ListEngineLogs(execution_id));
}
absl::StatusOr<std::optional<FlowRow>> FaultyStore::GetFlow(const std::string& tenant,
                                                            const std::string& ns,
                                                            const std::string& id,
                                                            std::optional<int> revision) {
  ORCH_PASS(GetFlow(tenant, ns, id, revision));
}
absl::StatusOr<FlowPage> FaultyStore::ListFlows(const FlowFilter& filter, const Page& page) {
  ORCH_PASS(ListFlows(filter, page));
}
absl::StatusOr<std::vector<FlowRow>> FaultyStore::ListRevisions(const std::string& tenant,
                                                                const std::string& ns,
                                                                const std::string& id) {
  ORCH_PASS(ListRevisions(tenant, ns, id));
}
absl::StatusOr<std::optional<KvRow>> FaultyStore::GetKv(const std::string& tenant,
                                                        const std::string& ns,
                                                        const std::string& key) {
  ORCH_PASS(GetKv(tenant, ns, key));
}
absl::StatusOr<std::vector<KvRow>> FaultyStore::ListKv(const std::string& tenant,
                                                       const std::string& ns,
                                                       const std::string& prefix, int limit) {
  ORCH_PASS(ListKv(tenant, ns, prefix, limit));
}
absl::StatusOr<std::optional<std::string>> FaultyStore::GetAttemptAnswer(
    const std::string& attempt) {
  ORCH_PASS(GetAttemptAnswer(attempt));
}
absl::StatusOr<std::vector<TaskTypeRow>> FaultyStore::ListTaskTypes() {
  ORCH_PASS(ListTaskTypes());
}
absl::StatusOr<std::vector<LogChunkRow>> FaultyStore::ListLogChunks(
    const std::string& execution_id, const std::string& after_attempt, int64_t after_line,
    int limit) {
  ORCH_PASS(ListLogChunks(execution_id, after_attempt, after_line, limit));
}
absl::StatusOr<std::vector<MetricRow>> FaultyStore::ListMetrics(const std::string& execution_id,
                                                                int limit) {
  ORCH_PASS(ListMetrics(execution_id, limit));
}
absl::StatusOr<std::vector<v1::AuditRecord>> FaultyStore::ListAudit(const std::string& tenant,
                                                                    int limit) {
  ORCH_PASS(ListAudit(tenant, limit));
}
absl::Status FaultyStore::Check() { ORCH_PASS(Check()); }
absl::StatusOr<std::vector<std::string>> FaultyStore::Orphans(int limit) {
  ORCH_PASS(Orphans(limit));
}
#undef ORCH_PASS

}  // namespace orch::store
