// The way of a batch: sent, answered, and what each answer asks for.
#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "base/log.h"
#include "controlplane/conductor/errors.h"
#include "controlplane/conductor/strand.h"

namespace orch::conductor {

namespace {
constexpr absl::Duration kRetryDelay = absl::Seconds(1);
}  // namespace

void Strand::MaybeCommit() {
  if (in_flight_.has_value()) return;
  if (pending_.empty() && !keep_due_) {
    if (stopping_ && stopped_ && work_.empty()) {
      ready_ = false;
      background_.Post([this, alive = alive_, owner = options_.owner] {
        const absl::Status released = store_.ReleaseShards(owner);
        if (!released.ok()) {
          Log(LogLevel::kWarning, "shards could not be given back; they expire by themselves",
              {{"error", std::string(released.message())}});
        }
        executor_.Post([this, alive] {
          if (*alive && stopped_) std::exchange(stopped_, nullptr)();
        });
      });
    }
    return;
  }
  if (shards_.empty()) return;
  if (pending_.row_count() == 0 && !keep_due_) {
    FinishEmpty();
    return;
  }
  InFlight next;
  next.order = ++batch_order_;
  auto batch = std::make_shared<store::Batch>();
  batch->id = NewTimeId(store_clock_.Now(), random_);
  batch->lease_ttl = options_.shard_ttl;
  std::set<int> written;
  for (const std::string& id : pending_.executions()) {
    written.insert(ShardOf(live_.at(id)->execution.head().bucket()));
  }
  for (const uint32_t bucket : pending_.buckets()) written.insert(ShardOf(bucket));
  const absl::Duration now = clock_.Boottime();
  for (const auto& [id, shard] : shards_) {
    const bool stale = keep_due_ && now - kept_at_[id] >= options_.shard_ttl / 3;
    if (stale || written.contains(id)) {
      batch->claims.push_back({id, shard.epoch, shard.sequence + 1});
    }
  }
  keep_due_ = false;
  if (batch->claims.empty()) {
    FinishEmpty();
    return;
  }
  next.executions = pending_.executions();
  batch->rows = pending_.Build([this](const std::string& id) { return &live_.at(id)->execution; });
  next.batch = std::move(batch);
  next.after = pending_.TakeAfter();
  pending_ = PendingBatch();
  in_flight_ = std::move(next);
  SendBatch();
}

// Nothing is left to write: what waited for the batch before has waited long enough.
void Strand::FinishEmpty() {
  const std::vector<AfterCommit> waited = pending_.TakeAfter();
  pending_ = PendingBatch();
  for (const AfterCommit& after : waited) {
    if (after.done) after.done();
  }
}

void Strand::SendBatch() {
  in_flight_->asked_at = clock_.Boottime();
  store_.Commit(in_flight_->batch,
                [this, alive = alive_, order = in_flight_->order](store::CommitResult result) {
                  executor_.Post([this, alive, order, result = std::move(result)] {
                    if (*alive) OnCommit(order, result);
                  });
                });
}

void Strand::OnCommit(int64_t order, store::CommitResult result) {
  if (!in_flight_.has_value() || in_flight_->order != order) return;  // Its memory was dropped.
  using Outcome = store::CommitResult::Outcome;
  switch (result.outcome) {
    case Outcome::kCommitted: Committed(result.now); return;
    case Outcome::kFenced: Fenced(result.message); return;
    case Outcome::kUnknown: {
      {
        MutexLock lock(&mutex_);
        ++counts_.unknown;
      }
      Log(LogLevel::kWarning, "the answer to a commit was lost; finding out whether it happened",
          {{"batch", in_flight_->batch->id}, {"error", result.message}});
      Resolve();
      return;
    }
    case Outcome::kRefused: break;
  }
  {
    MutexLock lock(&mutex_);
    ++counts_.refused;
  }
  switch (result.refusal) {
    case store::Refusal::kNone:
    case store::Refusal::kConflict: SendBatch(); return;
    case store::Refusal::kNoRoom:
    case store::Refusal::kNoLine:
      if (!no_room_) {
        Log(LogLevel::kError, "the store takes no changes; trying each second",
            {{"error", result.message}});
      }
      no_room_ = true;
      retry_timer_ = executor_.PostAt(kRetryDelay, [this, alive = alive_] {
        if (!*alive) return;
        retry_timer_ = kNoTimer;
        if (in_flight_.has_value()) SendBatch();
      });
      return;
    case store::Refusal::kBadRow: Quarantine(result.message); return;
  }
}

// Unknown is not failed: nothing is sent until the store has told what became of the batch.
void Strand::Resolve() {
  in_flight_->asked_at = clock_.Boottime();
  store_.Resolve(*in_flight_->batch,
                 [this, alive = alive_, order = in_flight_->order](store::Resolution resolution) {
                   executor_.Post([this, alive, order, resolution = std::move(resolution)] {
                     if (*alive) OnResolution(order, resolution);
                   });
                 });
}

void Strand::OnResolution(int64_t order, store::Resolution resolution) {
  if (!in_flight_.has_value() || in_flight_->order != order) return;
  using Outcome = store::Resolution::Outcome;
  switch (resolution.outcome) {
    case Outcome::kCommitted: Committed(resolution.now); return;
    case Outcome::kNotDone:
      SendBatch();  // The same batch under the same id.
      return;
    case Outcome::kFenced: Fenced(resolution.message); return;
    case Outcome::kUnavailable:
      no_room_ = true;
      retry_timer_ = executor_.PostAt(kRetryDelay, [this, alive = alive_] {
        if (!*alive) return;
        retry_timer_ = kNoTimer;
        if (in_flight_.has_value()) Resolve();
      });
      return;
  }
}

void Strand::Committed(absl::Time store_now) {
  InFlight done = *std::exchange(in_flight_, std::nullopt);
  if (std::exchange(no_room_, false)) {
    Log(LogLevel::kInfo, "the store takes changes again");
  }
  store_clock_.Set(store_now, done.asked_at);
  for (const store::ShardClaim& claim : done.batch->claims) {
    const auto shard = shards_.find(claim.shard);
    if (shard != shards_.end()) shard->second.sequence = claim.sequence;
    kept_at_[claim.shard] = clock_.Boottime();
  }
  int64_t ended = 0;
  for (const AfterCommit& after : done.after) {
    if (after.done) after.done();
  }
  Publish(done.batch->rows);
  for (const std::string& id : done.executions) {
    const auto found = live_.find(id);
    if (found == live_.end() || !found->second->ended || pending_.Holds(id)) continue;
    Forget(id);
    ++ended;
  }
  const int64_t row_count = done.batch->rows.Count();
  // Thousands of rows are let go elsewhere: the strand has better things to do.
  background_.Post([batch = std::move(done.batch)] {});
  {
    MutexLock lock(&mutex_);
    ++counts_.batches;
    counts_.rows += row_count;
    counts_.executions_ended += ended;
    counts_.live = static_cast<int64_t>(live_.size());
    counts_.waiting = ready_queue_.size();
  }
  // Slots that came free while nothing could be decided are asked for now.
  for (const std::string& queue : std::exchange(starved_queues_, {})) SlotsFreed(queue);
  Pump();
}

void Strand::Publish(const store::Rows& rows) {
  std::vector<std::pair<std::function<void(const Update&)>, std::string>> told;
  {
    MutexLock lock(&mutex_);
    if (listeners_.empty()) return;
    for (const v1::RecordRow& record : rows.records) {
      const auto [first, last] = listeners_by_execution_.equal_range(record.aggregate());
      for (auto it = first; it != last; ++it) {
        told.push_back({listeners_[it->second].listener, record.aggregate()});
      }
    }
  }
  std::map<std::string, Update> updates;
  for (const auto& [listener, id] : told) {
    auto [entry, is_new] = updates.try_emplace(id);
    Update& update = entry->second;
    if (is_new) {
      const auto live = live_.find(id);
      if (live != live_.end()) {
        update.snapshot = {live->second->execution.head(), live->second->execution.payload()};
      }
      for (const v1::ExecutionHead& head : rows.heads) {
        if (head.id() == id) update.snapshot.head = head;
      }
      for (const v1::ExecutionPayload& payload : rows.payloads) {
        if (payload.execution_id() != id) continue;
        update.snapshot.payload = payload;
        update.payload_changed = true;
      }
      for (const v1::TaskRun& run : rows.runs) {
        if (run.execution_id() == id) update.runs.push_back(run);
      }
      for (const v1::EngineLog& log : rows.engine_logs) {
        if (log.execution_id() == id) update.engine_logs.push_back(log);
      }
      update.ended = engine::IsTerminal(update.snapshot.head.state());
    }
    listener(update);
  }
}

// Somebody else owns a shard of the batch. All its shards may have mailed each other, so the memory
// of all of them goes; what is still ours is loaded again.
void Strand::Fenced(const std::string& why) {
  {
    MutexLock lock(&mutex_);
    ++counts_.fenced;
  }
  Log(LogLevel::kWarning, "a batch was fenced; loading again what is still owned", {{"why", why}});
  DropMemory(TookOver());
  TakeShards();
}

void Strand::Quarantine(const std::string& why) {
  background_.Post(
      [this, alive = alive_, order = in_flight_->order, batch = in_flight_->batch, why] {
        auto bad = store_.FindBadAggregates(*batch);
        executor_.Post([this, alive, order, why, bad = std::move(bad)] {
          if (!*alive || !in_flight_.has_value() || in_flight_->order != order) return;
          if (bad.ok()) {
            for (const std::string& id : *bad) {
              quarantined_.insert(id);
              Log(LogLevel::kError, "an execution cannot be stored and is quarantined",
                  {{"execution", id}, {"error", why}});
            }
          }
          {
            MutexLock lock(&mutex_);
            counts_.quarantined = static_cast<int64_t>(quarantined_.size());
          }
          DropMemory(NotStored());
          // Not at once: what cannot be told apart would be tried again for ever.
          retry_timer_ = executor_.PostAt(kRetryDelay, [this, alive] {
            if (!*alive) return;
            retry_timer_ = kNoTimer;
            TakeShards();
          });
        });
      });
}

void Strand::DropMemory(const absl::Status& why) {
  ready_ = false;
  ++load_generation_;
  std::vector<AfterCommit> lost;
  if (in_flight_.has_value()) lost = std::move(in_flight_->after);
  for (AfterCommit& after : pending_.TakeAfter()) lost.push_back(std::move(after));
  in_flight_.reset();
  pending_ = PendingBatch();
  std::deque<Work> work = std::move(work_);
  work_.clear();
  live_.clear();
  shards_.clear();
  timers_.clear();
  timer_dues_.clear();
  ready_queue_.Clear();
  awaiting_render_.clear();
  const auto keys = std::exchange(keys_under_way_, {});
  starved_queues_.clear();
  ForgetMail();
  no_room_ = false;
  dispatcher_->Forget();
  for (const AfterCommit& after : lost) {
    if (after.failed) after.failed(why);
  }
  for (const Work& item : work) {
    if (item.decided) item.decided(nullptr, false);
  }
  for (const auto& [key, waiting] : keys) {
    for (const auto& next : waiting) next(why);
  }
  MutexLock lock(&mutex_);
  counts_.ready = false;
  counts_.live = 0;
  counts_.waiting = 0;
}

int Strand::ShardOf(uint32_t bucket) const {
  for (const auto& [id, shard] : shards_) {
    if (bucket >= shard.bucket_first && bucket <= shard.bucket_last) return id;
  }
  return -1;
}

// What is not written says that it is still there: the fence alone, at a third of the lease.
void Strand::KeepShards() {
  if (keep_timer_ != kNoTimer) executor_.Cancel(keep_timer_);
  keep_timer_ = executor_.PostAt(options_.shard_ttl / 6, [this, alive = alive_] {
    if (!*alive) return;
    keep_timer_ = kNoTimer;
    if (ready_ && !stopping_) {
      keep_due_ = true;
      MaybeCommit();
    }
    if (!shards_.empty()) KeepShards();
  });
}

}  // namespace orch::conductor
