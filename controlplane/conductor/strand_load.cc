// How a strand comes by its executions: it takes shards, loads what lives in them, and creates.
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "controlplane/conductor/errors.h"
#include "controlplane/conductor/strand.h"

namespace orch::conductor {

namespace {
constexpr absl::Duration kTakeDelay = absl::Seconds(1);
constexpr int kLoadPageSize = 200;

// Whether asking again may help: no reason to give an execution up.
bool WillPass(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kUnknown: return true;
    default: return false;
  }
}
}  // namespace

void Strand::Start() { TakeShards(); }

void Strand::Stop(std::function<void()> stopped) {
  stopping_ = true;
  stopped_ = std::move(stopped);
  if (shards_.empty()) {
    if (stopped_) std::exchange(stopped_, nullptr)();
    return;
  }
  SchedulePump();
}

void Strand::TakeShards() {
  background_.Post([this, alive = alive_, generation = load_generation_] {
    auto taken = store_.TakeShards(options_.owner, options_.shard_ttl);
    executor_.Post([this, alive, generation, taken = std::move(taken)] {
      if (!*alive || generation != load_generation_ || stopping_) return;
      if (taken.ok() && !taken->empty()) {
        Load(*taken);
        return;
      }
      if (!taken.ok()) {
        Log(LogLevel::kWarning, "no shards could be taken; trying each second",
            {{"error", std::string(taken.status().message())}});
      }
      retry_timer_ = executor_.PostAt(kTakeDelay, [this, alive] {
        if (!*alive) return;
        retry_timer_ = kNoTimer;
        TakeShards();
      });
    });
  });
}

// Reads everything that lives in the shards, off the strand. An execution that cannot be read is
// quarantined and shown; it keeps nobody from starting.
void Strand::Load(std::vector<store::Shard> shards) {
  for (const store::Shard& shard : shards) {
    shards_[shard.id] = shard;
    kept_at_[shard.id] = clock_.Boottime();
    store_clock_.Set(shard.expires_at - options_.shard_ttl, clock_.Boottime());
  }
  background_.Post([this, alive = alive_, generation = load_generation_,
                    shards = std::move(shards)] {
    std::vector<Loaded> loaded;
    std::vector<std::pair<std::string, absl::Status>> bad;
    absl::Status failed;
    for (const store::Shard& shard : shards) {
      std::string after;
      while (failed.ok()) {
        auto heads = store_.LiveHeads(shard.bucket_first, shard.bucket_last, after, kLoadPageSize);
        if (!heads.ok()) {
          failed = heads.status();
          break;
        }
        for (const v1::ExecutionHead& head : *heads) {
          auto rows = store_.LoadExecution(head.id());
          if (!rows.ok()) {
            if (WillPass(rows.status())) {
              failed = rows.status();
              break;
            }
            bad.push_back({head.id(), rows.status()});
            continue;
          }
          auto flow =
              flows_.Get(head.tenant(), head.namespace_(), head.flow_id(), head.flow_revision());
          if (!flow.ok() && WillPass(flow.status())) {
            failed = flow.status();
            break;
          }
          if (!flow.ok()) {
            bad.push_back({head.id(), flow.status()});
            continue;
          }
          loaded.push_back({*std::move(rows), *std::move(flow)});
        }
        if (!failed.ok() || static_cast<int>(heads->size()) < kLoadPageSize) break;
        after = heads->back().id();
      }
    }
    executor_.Post([this, alive, generation, failed, bad = std::move(bad),
                    loaded = std::make_shared<std::vector<Loaded>>(std::move(loaded))] {
      if (!*alive || generation != load_generation_ || stopping_) return;
      if (!failed.ok()) {
        Log(LogLevel::kWarning, "live executions could not be loaded; trying again",
            {{"error", std::string(failed.message())}});
        DropMemory(NotReady());
        retry_timer_ = executor_.PostAt(kTakeDelay, [this, alive] {
          if (!*alive) return;
          retry_timer_ = kNoTimer;
          TakeShards();
        });
        return;
      }
      for (const auto& [id, why] : bad) {
        quarantined_.insert(id);
        Log(LogLevel::kError, "an execution cannot be read and is quarantined",
            {{"execution", id}, {"error", std::string(why.message())}});
      }
      AdoptLoaded(std::move(*loaded));
    });
  });
}

void Strand::AdoptLoaded(std::vector<Loaded> loaded) {
  std::vector<LeasedRun> leases;
  std::vector<std::string> ids;
  for (Loaded& item : loaded) {
    const std::string id = item.rows.head.id();
    if (quarantined_.contains(id)) continue;
    auto execution = engine::Execution::FromRows(
        std::move(item.rows.head), std::move(item.rows.payload), std::move(item.rows.runs),
        std::move(item.rows.run_payloads), item.rows.timers);
    if (!execution.ok()) {
      quarantined_.insert(id);
      Log(LogLevel::kError, "the rows of an execution contradict each other; it is quarantined",
          {{"execution", id}, {"error", std::string(execution.status().message())}});
      continue;
    }
    auto live = std::make_unique<Live>();
    live->execution = *std::move(execution);
    live->flow = std::move(item.flow);
    v1::Changes timers;
    for (v1::Timer& timer : item.rows.timers) *timers.add_timers() = std::move(timer);
    KeepTimers(id, timers);
    for (int64_t number = 0; number < live->execution.run_count(); ++number) {
      const v1::TaskRun* run = live->execution.FindRun(number);
      if (run != nullptr && run->live() && run->has_lease()) {
        leases.push_back(LeasedRow(id, *live, *run));
      }
    }
    live_[id] = std::move(live);
    ids.push_back(id);
  }
  ready_ = true;
  dispatcher_->Load(leases);
  for (const LeasedRun& lease : leases) {
    FetchSecrets(lease, live_.at(lease.execution_id)->execution.head());
  }
  for (const std::string& id : ids) {
    Live& live = *live_.at(id);
    Carry(id, live, engine::StandingOrders(live.execution, *live.flow, environment_));
    if (!live.execution.head().continue_due()) continue;
    v1::Event event;  // A slice had ended early.
    event.mutable_continue_();
    Enqueue(id, std::move(event));
  }
  {
    MutexLock lock(&mutex_);
    counts_.ready = true;
    counts_.live = static_cast<int64_t>(live_.size());
    counts_.quarantined = static_cast<int64_t>(quarantined_.size());
  }
  Log(LogLevel::kInfo, "shards are loaded",
      {{"shards", shards_.size()}, {"executions", live_.size()}, {"leases", leases.size()}});
  KeepShards();
  ReadMail();
  SchedulePump();
}

absl::Status Strand::CanTake() const {
  if (stopping_) return Stopping();
  if (!ready_) return NotReady();
  if (no_room_) return NoRoom();
  if (static_cast<int64_t>(work_.size()) >= options_.work_count_max) {
    return TooBusy(options_.work_count_max);
  }
  return absl::OkStatus();
}

void Strand::Create(CreateRequest request, std::function<void(absl::StatusOr<Created>)> done) {
  executor_.Post(
      [this, alive = alive_, request = std::move(request), done = std::move(done)]() mutable {
        if (*alive) CreateHere(std::move(request), std::move(done));
      });
}

void Strand::CreateHere(CreateRequest request, std::function<void(absl::StatusOr<Created>)> done) {
  if (const absl::Status can = CanTake(); !can.ok()) {
    done(can);
    return;
  }
  if (!Owns(BucketOf(request.tenant, request.namespace_, request.flow_id))) {
    done(NotReady());
    return;
  }
  const auto known = live_.find(request.execution_id);
  if (known != live_.end()) {  // The same call told twice.
    const engine::Execution& execution = known->second->execution;
    if (execution.head().id().empty()) {  // The first call has not been decided yet.
      done(NotReady());
      return;
    }
    AfterCommitOf(
        [done, created = Created{{execution.head(), execution.payload()}, true}] { done(created); },
        [done](const absl::Status& why) { done(why); });
    SchedulePump();
    return;
  }
  if (request.flow == nullptr || request.may_repeat || !request.idempotency_key.empty()) {
    // What has to be read first is read off the strand; two starts under one key take turns.
    if (!request.idempotency_key.empty()) {
      const std::string key = request.tenant + "\n" + request.idempotency_key;
      const auto [waiting, is_first] = keys_under_way_.try_emplace(key);
      if (!is_first) {
        waiting->second.push_back(
            [this, request, done](absl::StatusOr<Created>) { CreateHere(request, done); });
        return;
      }
      done = [this, alive = alive_, key, done](absl::StatusOr<Created> answer) {
        done(answer);
        if (!*alive) return;
        const auto node = keys_under_way_.extract(key);
        if (node.empty()) return;
        for (const auto& next : node.mapped()) next(answer);
      };
    }
    background_.Post([this, alive = alive_, generation = load_generation_,
                      request = std::move(request), done = std::move(done)]() mutable {
      absl::StatusOr<std::optional<store::IdempotencyKey>> known;
      if (!request.idempotency_key.empty()) {
        known = store_.FindIdempotencyKey(request.tenant, request.idempotency_key);
      } else {
        known = std::nullopt;
      }
      absl::StatusOr<Created> answer = absl::UnknownError("undecided");
      const auto earlier = [&]() -> absl::StatusOr<v1::ExecutionHead> {
        if (!request.may_repeat) return absl::NotFoundError("a fresh id");
        return store_.GetHead(request.execution_id);
      }();
      if (earlier.ok()) {
        const auto payload = store_.GetPayload(request.execution_id);
        answer = payload.ok() ? absl::StatusOr<Created>(Created{{*earlier, *payload}, true})
                              : payload.status();
      } else if (earlier.status().code() != absl::StatusCode::kNotFound) {
        answer = earlier.status();
      } else if (!known.ok()) {
        answer = known.status();
      } else if (known->has_value()) {
        if ((*known)->digest != request.request_digest) {
          answer = KeyConflict(request.idempotency_key);
        } else {
          auto head = store_.GetHead((*known)->execution_id);
          auto payload = store_.GetPayload((*known)->execution_id);
          if (head.ok() && payload.ok()) {
            answer = Created{{*head, *payload}, true};
          } else {
            answer = head.ok() ? payload.status() : head.status();
          }
        }
      } else if (request.flow == nullptr) {
        auto flow =
            flows_.Get(request.tenant, request.namespace_, request.flow_id, request.flow_revision);
        if (flow.ok()) {
          request.flow = *std::move(flow);
        } else {
          answer = flow.status();
        }
      }
      executor_.Post([this, alive, generation, request = std::move(request), done = std::move(done),
                      answer = std::move(answer)]() mutable {
        if (!*alive) return;
        if (generation != load_generation_) {  // What was looked up may be old by now.
          done(NotReady());
          return;
        }
        const bool undecided = !answer.ok() && answer.status().code() == absl::StatusCode::kUnknown;
        if (!undecided) {
          done(answer);
          return;
        }
        if (const absl::Status can = CanTake(); !can.ok()) {
          done(can);
          return;
        }
        if (live_.contains(request.execution_id)) {  // The other call was quicker.
          request.may_repeat = false;
          CreateHere(std::move(request), std::move(done));
          return;
        }
        StartExecution(std::move(request), std::move(done));
      });
    });
    return;
  }
  StartExecution(std::move(request), std::move(done));
}

void Strand::StartExecution(CreateRequest request,
                            std::function<void(absl::StatusOr<Created>)> done) {
  if (request.flow->disabled) {
    done(FlowDisabled(request.namespace_, request.flow_id));
    return;
  }
  const std::string id = request.execution_id;
  auto live = std::make_unique<Live>();
  live->flow = request.flow;
  live_[id] = std::move(live);
  v1::Event event;
  v1::ExecutionCreated& created = *event.mutable_execution_created();
  created.set_execution_id(id);
  created.set_tenant(request.tenant);
  created.set_namespace_(request.namespace_);
  created.set_flow_id(request.flow_id);
  created.set_flow_revision(request.flow_revision);
  if (!request.inputs_json.empty()) created.mutable_inputs()->set_utf8(request.inputs_json);
  for (v1::Label& label : request.labels) *created.add_labels() = std::move(label);
  if (request.trigger.has_value()) *created.mutable_trigger() = *request.trigger;
  if (request.schedule_at.has_value()) {
    created.set_schedule_micros(absl::ToUnixMicros(*request.schedule_at));
  }
  created.set_principal(request.principal);
  created.set_idempotency_key(request.idempotency_key);
  Enqueue(id, std::move(event),
          [this, id, request = std::move(request), done](Live* live, bool changed) {
            if (live == nullptr || !changed) {
              done(NotReady());
              return;
            }
            if (!request.idempotency_key.empty()) {
              pending_.AddIdempotencyKey({request.tenant, request.idempotency_key, id,
                                          request.request_digest, store_clock_.Now()});
            }
            v1::AuditRecord audit;
            audit.set_id(id);
            audit.set_tenant(request.tenant);
            audit.set_verb("EXECUTION_CREATE");
            audit.set_principal(request.principal);
            audit.set_micros(absl::ToUnixMicros(store_clock_.Now()));
            audit.set_resource("execution/" + id);
            if (!request.principal.empty()) pending_.AddAudit(std::move(audit));
            {
              MutexLock lock(&mutex_);
              ++counts_.executions_created;
            }
            Created answer{{live->execution.head(), live->execution.payload()}, false};
            AfterCommitOf([done, answer = std::move(answer)] { done(answer); },
                          [done](const absl::Status& why) { done(why); });
          });
}

void Strand::Kill(std::string execution_id, bool cascade, std::string principal,
                  std::function<void(absl::StatusOr<Snapshot>)> done) {
  executor_.Post([this, alive = alive_, execution_id = std::move(execution_id), cascade,
                  principal = std::move(principal), done = std::move(done)]() mutable {
    if (*alive) KillHere(std::move(execution_id), cascade, std::move(principal), std::move(done));
  });
}

void Strand::KillHere(std::string execution_id, bool cascade, std::string principal,
                      std::function<void(absl::StatusOr<Snapshot>)> done) {
  if (const absl::Status can = CanTake(); !can.ok()) {
    done(can);
    return;
  }
  if (quarantined_.contains(execution_id)) {
    done(Quarantined(execution_id));
    return;
  }
  const auto found = live_.find(execution_id);
  if (found == live_.end() || found->second->ended) {
    AnswerLateKill(execution_id, std::move(done));
    return;
  }
  v1::Event event;
  event.mutable_kill_requested()->set_cascade(cascade);
  event.mutable_kill_requested()->set_principal(principal);
  Enqueue(execution_id, std::move(event),
          [this, execution_id, principal, done = std::move(done)](Live* live, bool changed) {
            if (live == nullptr || (live->ended && !changed)) {  // It ended before its turn came.
              AnswerLateKill(execution_id, done);
              return;
            }
            if (changed && !principal.empty()) {
              v1::AuditRecord audit;
              audit.set_id(execution_id + "/kill");
              audit.set_tenant(live->execution.head().tenant());
              audit.set_verb("EXECUTION_KILL");
              audit.set_principal(principal);
              audit.set_micros(absl::ToUnixMicros(store_clock_.Now()));
              audit.set_resource("execution/" + execution_id);
              pending_.AddAudit(std::move(audit));
            }
            Snapshot snapshot{live->execution.head(), live->execution.payload()};
            AfterCommitOf([done, snapshot = std::move(snapshot)] { done(snapshot); },
                          [done](const absl::Status& why) { done(why); });
          });
}

// Of an execution that is not in memory, or leaves it: the store knows what became of it.
void Strand::AnswerLateKill(const std::string& execution_id,
                            std::function<void(absl::StatusOr<Snapshot>)> done) {
  AfterCommitOf([this, alive = alive_, execution_id, done = std::move(done)] {
    background_.Post([this, alive, execution_id, done] {
      const auto head = store_.GetHead(execution_id);
      absl::Status answer = NotReady();
      if (head.ok() && !head->live()) {
        answer = AlreadyEnded(execution_id, v1::State_Name(head->state()));
      } else if (head.status().code() == absl::StatusCode::kNotFound) {
        answer = NoExecution(execution_id);
      }
      executor_.Post([done, answer] { done(answer); });
    });
  });
  SchedulePump();
}

}  // namespace orch::conductor
