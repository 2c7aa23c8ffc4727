#include "controlplane/store/simulated_store.h"

#include <algorithm>

#include "base/museum.h"
#include "base/status_macros.h"
#include "controlplane/store/claims.h"
#include "controlplane/store/columns.h"
#include "controlplane/store/errors.h"

namespace orch::store {

SimulatedStore::SimulatedStore(Clock& clock, Executor* executor, int shard_count)
    : clock_(clock), executor_(executor) {
  for (const BucketRange& range : SplitBuckets(shard_count)) {
    shards_[range.shard] = {.id = range.shard,
                            .bucket_first = range.first,
                            .bucket_last = range.last,
                            .expires_at = absl::UnixEpoch()};
  }
}

absl::Time SimulatedStore::Now() {
  now_ = std::max(now_, clock_.Now());
  return now_;
}

template <typename Answer>
void SimulatedStore::Tell(std::function<void(Answer)> done, Answer answer) {
  if (executor_ == nullptr) return done(std::move(answer));
  executor_->Post([done = std::move(done), answer = std::move(answer)] { done(answer); });
}

absl::StatusOr<std::vector<Shard>> SimulatedStore::TakeShards(const std::string& owner,
                                                              absl::Duration lease_ttl) {
  const absl::Time now = Now();
  std::vector<Shard> taken;
  for (auto& [id, shard] : shards_) {
    const bool held = living_.contains(shard.owner);
    const bool ours = held && shard.owner == owner;
    if (held && !ours && shard.expires_at > now) continue;
    if (!ours) ++shard.epoch;
    shard.owner = owner;
    shard.expires_at = now + lease_ttl;
    taken.push_back(shard);
    if (!ours && on_taken_) on_taken_(shard);
  }
  living_.insert(owner);
  return taken;
}

absl::Status SimulatedStore::ReleaseShards(const std::string& owner) {
  for (auto& [id, shard] : shards_) {
    if (shard.owner != owner) continue;
    shard.owner.clear();
    ++shard.epoch;
    shard.expires_at = absl::UnixEpoch();
  }
  return absl::OkStatus();
}

Resolution::Outcome SimulatedStore::Look(const Batch& batch) const {
  std::vector<ShardStanding> standings;
  for (const ShardClaim& claim : batch.claims) {
    const auto shard = shards_.find(claim.shard);
    standings.push_back(
        shard == shards_.end()
            ? ShardStanding{}
            : ShardStanding{shard->second.epoch, shard->second.sequence, shard->second.batch});
  }
  return Judge(batch, standings);
}

void SimulatedStore::Commit(std::shared_ptr<const Batch> batch,
                            std::function<void(CommitResult)> done) {
  Tell(std::move(done), CommitNow(*batch));
}

Resolution::Outcome SimulatedStore::LookToCommit(const Batch& batch) const {
  const Resolution::Outcome outcome = Look(batch);
  if (outcome != Resolution::Outcome::kFenced) return outcome;
  for (const ShardClaim& claim : batch.claims) {
    const auto shard = shards_.find(claim.shard);
    if (shard == shards_.end()) return outcome;
    const bool epoch = shard->second.epoch == claim.epoch || HasBug("no epoch check");
    const bool sequence =
        shard->second.sequence + 1 == claim.sequence || HasBug("no sequence check");
    if ((!epoch || !sequence) && !HasBug("the fence is a bare UPDATE")) return outcome;
  }
  return Resolution::Outcome::kNotDone;
}

CommitResult SimulatedStore::CommitNow(const Batch& batch) {
  const absl::Time now = Now();
  absl::Status status = CheckClaims(batch);
  if (status.ok()) {
    switch (LookToCommit(batch)) {
      case Resolution::Outcome::kCommitted:
        return {.outcome = CommitResult::Outcome::kCommitted, .now = now};
      case Resolution::Outcome::kNotDone: break;
      case Resolution::Outcome::kFenced:
      case Resolution::Outcome::kUnavailable:
        return {.outcome = CommitResult::Outcome::kFenced,
                .message = "a shard is not ours at this epoch, or stands elsewhere"};
    }
    status = CheckRows(batch.rows);
  }
  if (!status.ok()) {
    return {.outcome = CommitResult::Outcome::kRefused,
            .refusal = Refusal::kBadRow,
            .message = std::string(status.message())};
  }
  for (const ShardClaim& claim : batch.claims) {
    Shard& shard = shards_.at(claim.shard);
    if (HasBug("the fence is a bare UPDATE") &&
        (shard.epoch != claim.epoch || shard.sequence + 1 != claim.sequence)) {
      continue;  // No row was changed, and nobody looked.
    }
    shard.sequence = claim.sequence;
    shard.batch = batch.id;
    shard.expires_at = now + batch.lease_ttl;
  }
  Put(batch.rows);
  if (on_committed_) on_committed_(batch);
  return {.outcome = CommitResult::Outcome::kCommitted, .now = now};
}

void SimulatedStore::Resolve(const Batch& batch, std::function<void(Resolution)> done) {
  Tell(std::move(done), Resolution{.outcome = Look(batch), .now = Now()});
}

absl::StatusOr<std::vector<std::string>> SimulatedStore::FindBadAggregates(const Batch& batch) {
  std::vector<std::string> bad;
  for (const AggregateRows& part : SplitByAggregate(batch.rows)) {
    if (!CheckRows(part.rows).ok()) bad.push_back(part.aggregate);
  }
  return bad;
}

absl::Status SimulatedStore::CheckRows(const Rows& rows) const {
  for (const IdempotencyKey& key : rows.idempotency_keys) {
    if (idempotency_keys_.contains({key.tenant, key.key})) {
      return absl::InvalidArgumentError("the idempotency key '" + key.key + "' is there");
    }
  }
  for (const v1::RecordRow& record : rows.records) {
    if (records_.contains({record.aggregate(), record.first_number()})) {
      return absl::InvalidArgumentError("a record of '" + record.aggregate() + "' is there");
    }
  }
  return absl::OkStatus();
}

void SimulatedStore::Put(const Rows& rows) {
  for (const auto& row : rows.heads) heads_[{DayOfExecution(row.id()), row.id()}] = row;
  for (const auto& row : rows.payloads) payloads_[row.execution_id()] = row;
  for (const auto& row : rows.runs) runs_[{row.execution_id(), row.number()}] = row;
  for (const auto& row : rows.run_payloads) {
    run_payloads_[{row.execution_id(), row.number(), row.kind()}] = row;
  }
  for (const auto& row : rows.timers_gone) {
    timers_.erase({row.execution_id(), row.run(), row.kind()});
  }
  for (const auto& row : rows.timers) timers_[{row.execution_id(), row.run(), row.kind()}] = row;
  for (const auto& row : rows.mails_gone) mails_.erase({row.receiver, row.sender, row.sequence});
  for (const auto& row : rows.mails) {
    mails_.try_emplace({row.receiver(), row.sender(), row.sequence()}, row);
  }
  for (const auto& row : rows.engine_logs) {
    engine_logs_.try_emplace({row.execution_id(), row.sequence(), row.run(), row.attempt()}, row);
  }
  for (const auto& row : rows.records) records_[{row.aggregate(), row.first_number()}] = row;
  for (const auto& row : rows.flow_states) {
    flow_states_[{row.tenant(), row.namespace_(), row.flow_id()}] = row;
  }
  for (const auto& row : rows.slots_gone) {
    slots_.erase({row.tenant(), row.namespace_(), row.flow_id(), row.execution_id()});
  }
  for (const auto& row : rows.slots) {
    slots_[{row.tenant(), row.namespace_(), row.flow_id(), row.execution_id()}] = row;
  }
  for (const auto& row : rows.idempotency_keys) idempotency_keys_[{row.tenant, row.key}] = row;
  for (const auto& row : rows.audits) {
    audits_.try_emplace({row.tenant(), row.micros(), row.id()}, row);
  }
}

absl::Status SimulatedStore::Write(const SharedRows& rows) {
  // Checked on copies of what changes, so that nothing is kept of what fails.
  const bool flows_change = !rows.flows.empty();
  const bool kv_change = !rows.kv.empty() || !rows.kv_gone.empty();
  const bool answers_change = !rows.attempt_answers.empty();
  auto flows = flows_change ? flows_ : decltype(flows_)();
  auto kv = kv_change ? kv_ : decltype(kv_)();
  auto answers = answers_change ? attempt_answers_ : decltype(attempt_answers_)();
  for (const FlowRow& row : rows.flows) {
    auto& revisions = flows[{row.tenant, row.namespace_, row.id}];
    if (!revisions.try_emplace(row.revision, row).second) {
      return ExpectationFailed("flow '" + row.namespace_ + "." + row.id + "'");
    }
  }
  for (const KvRow& row : rows.kv_gone) kv.erase({row.tenant, row.namespace_, row.key});
  for (const KvRow& row : rows.kv) {
    const std::tuple<Text, Text, Text> key(row.tenant, row.namespace_, row.key);
    const auto stored = kv.find(key);
    if (row.revision != (stored == kv.end() ? 0 : stored->second.revision) + 1) {
      return ExpectationFailed("key '" + row.key + "'");
    }
    kv[key] = row;
  }
  for (const AttemptAnswerRow& row : rows.attempt_answers) {
    if (!answers.try_emplace(row.attempt, row.answer).second) {
      return ExpectationFailed("the answer of attempt '" + row.attempt + "'");
    }
  }
  if (flows_change) flows_ = std::move(flows);
  if (kv_change) kv_ = std::move(kv);
  if (answers_change) attempt_answers_ = std::move(answers);
  for (const TaskTypeRow& row : rows.task_types) {
    task_types_[{row.type, row.version, row.digest}] = row;
  }
  Put({.mails = rows.mails, .audits = rows.audits});
  return absl::OkStatus();
}

absl::Status SimulatedStore::AppendLogs(const std::vector<LogChunkRow>& chunks) {
  for (const LogChunkRow& row : chunks) {
    log_chunks_.try_emplace({row.execution_id, row.attempt, row.first_line}, row);
  }
  return absl::OkStatus();
}

absl::Status SimulatedStore::AppendMetrics(const std::vector<MetricRow>& metrics) {
  for (const MetricRow& row : metrics) {
    metrics_.try_emplace({row.execution_id, row.attempt, row.micros, row.name, row.tags}, row);
  }
  return absl::OkStatus();
}

}  // namespace orch::store
