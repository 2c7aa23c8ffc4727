#include "controlplane/conductor/strand.h"

#include <utility>

#include "base/overloaded.h"
#include "expression/json.h"

namespace orch::conductor {

Strand::Strand(Options options, Clock& clock, Random& random, Executor& executor,
               Executor& background, store::Store& store, Flows& flows, FactSource& facts,
               const engine::Environment& environment)
    : options_(std::move(options)),
      clock_(clock),
      random_(random),
      executor_(executor),
      background_(background),
      store_(store),
      flows_(flows),
      facts_(facts),
      environment_(environment),
      store_clock_(clock) {}

Strand::~Strand() {
  *alive_ = false;
  for (TimerId timer : {timer_, keep_timer_, retry_timer_, mail_timer_}) {
    if (timer != kNoTimer) executor_.Cancel(timer);
  }
}

Strand::Counts Strand::counts() const {
  MutexLock lock(&mutex_);
  return counts_;
}

const engine::Execution* Strand::Find(const std::string& execution_id) const {
  const auto found = live_.find(execution_id);
  return found == live_.end() ? nullptr : &found->second->execution;
}

void Strand::Enqueue(std::string execution_id, v1::Event event,
                     std::function<void(Live*, bool)> decided) {
  work_.push_back({std::move(execution_id), std::move(event), std::move(decided)});
  SchedulePump();
}

void Strand::SchedulePump() {
  if (pump_posted_) return;
  pump_posted_ = true;
  executor_.Post([this, alive = alive_] {
    if (!*alive) return;
    pump_posted_ = false;
    Pump();
  });
}

bool Strand::Stalled() const { return no_room_ || pending_.full(); }

// A turn: some decisions, then the batch leaves if the one before it has returned. There is no
// window to wait for: what becomes dirty during a commit is the next batch.
void Strand::Pump() {
  int steps = 0;
  while (!work_.empty() && !Stalled() && steps < options_.step_count_per_turn) {
    Work work = std::move(work_.front());
    work_.pop_front();
    Process(std::move(work));
    ++steps;
  }
  MaybeCommit();
  if (!work_.empty() && !Stalled()) SchedulePump();
}

void Strand::Process(Work work) {
  const auto found = live_.find(work.execution_id);
  Live* live = found == live_.end() ? nullptr : found->second.get();
  const bool changed = live != nullptr && Step(work.execution_id, *live, work.event);
  if (work.decided) {
    // The step may have dropped the execution from memory; look again.
    const auto again = live_.find(work.execution_id);
    work.decided(again == live_.end() ? nullptr : again->second.get(), changed);
  }
}

bool Strand::Step(const std::string& id, Live& live, const v1::Event& event) {
  const uint64_t seed = random_.Next();
  engine::Step step =
      engine::Decide(live.execution, event, *live.flow, environment_, store_clock_.Now(), seed);
  {
    MutexLock lock(&mutex_);
    ++counts_.steps;
  }
  if (step.changed) {
    live.execution.Apply(step.record);
    KeepTimers(id, step.record.changes());
    pending_.Add(id, std::move(step.record));
  }
  if (step.ended) live.ended = true;
  if (step.continue_due) {
    v1::Event next;
    next.mutable_continue_();
    work_.push_back({id, std::move(next), nullptr});
  }
  Carry(id, live, std::move(step.effects));
  return step.changed;
}

void Strand::Carry(const std::string& id, Live& live, std::vector<engine::Effect> effects) {
  for (engine::Effect& effect : effects) {
    std::visit(Overloaded{
                   [&](const engine::OfferRun& offer) { Offer(id, live, offer); },
                   [&](const engine::WithdrawRun& withdraw) {
                     ready_queue_.Remove(id, withdraw.run);
                     awaiting_render_.erase({id, withdraw.run});
                   },
                   [&](const engine::StopAttempt& stop) {
                     v1::LeaseToken token;
                     token.set_attempt(engine::AttemptId(id, stop.run, stop.attempt));
                     token.set_fence(stop.fence);
                     const auto reason = stop.reason == engine::StopAttempt::Reason::kTimedOut
                                             ? v1::Stop::TIMED_OUT
                                         : stop.reason == engine::StopAttempt::Reason::kSuperseded
                                             ? v1::Stop::SUPERSEDED
                                             : v1::Stop::KILLED_BY_USER;
                     AfterCommitOf([this, session = stop.session, token, reason] {
                       dispatcher_->Stop(session, token, reason);
                     });
                   },
                   [&](engine::FetchFacts& order) { Fetch(id, live, std::move(order)); },
               },
               effect);
  }
}

void Strand::AfterCommitOf(std::function<void()> done,
                           std::function<void(const absl::Status&)> failed) {
  if (pending_.row_count() == 0 && !in_flight_.has_value()) {
    done();
    return;
  }
  pending_.After({std::move(done), std::move(failed)});
}

// ---- Timers ----------------------------------------------------------------------------------------

void Strand::KeepTimers(const std::string& id, const v1::Changes& changes) {
  const auto drop = [&](int64_t run, int kind) {
    const auto due = timer_dues_.find({id, run, kind});
    if (due == timer_dues_.end()) return;
    timers_.erase({due->second, id, run, kind});
    timer_dues_.erase(due);
  };
  for (const v1::TimerKey& gone : changes.timers_gone()) drop(gone.run(), gone.kind());
  for (const v1::Timer& timer : changes.timers()) {
    drop(timer.run(), timer.kind());
    const absl::Time due = absl::FromUnixMicros(timer.due_micros());
    timers_.insert({due, id, timer.run(), timer.kind()});
    timer_dues_[{id, timer.run(), timer.kind()}] = due;
  }
  if (changes.timers_size() > 0) ArmTimer();
}

void Strand::ArmTimer() {
  if (timer_ != kNoTimer) executor_.Cancel(timer_);
  timer_ = kNoTimer;
  if (timers_.empty()) return;
  const absl::Duration delay = std::get<0>(*timers_.begin()) - store_clock_.Now();
  timer_ = executor_.PostAt(std::max(delay, absl::ZeroDuration()), [this, alive = alive_] {
    if (!*alive) return;
    timer_ = kNoTimer;
    FireTimers();
  });
}

void Strand::FireTimers() {
  const absl::Time now = store_clock_.Now();
  while (!timers_.empty() && std::get<0>(*timers_.begin()) <= now) {
    const auto [due, id, run, kind] = *timers_.begin();
    timers_.erase(timers_.begin());
    timer_dues_.erase({id, run, kind});
    const auto found = live_.find(id);
    if (found == live_.end()) continue;
    const auto& rows = found->second->execution.timers();
    const auto row = rows.find({run, kind});
    if (row == rows.end()) continue;
    v1::Event event;
    v1::TimerFired& fired = *event.mutable_timer_fired();
    fired.set_run(run);
    fired.set_kind(static_cast<v1::Timer::Kind>(kind));
    fired.set_generation(row->second.generation());
    fired.set_attempt(row->second.attempt());
    Enqueue(id, std::move(event));
  }
  ArmTimer();
}

// ---- Facts -----------------------------------------------------------------------------------------

void Strand::Fetch(const std::string& id, Live& live, engine::FetchFacts order) {
  ++live.fetching[order.run];
  if (order.facts.empty()) {  // After a takeover: the evaluation names its facts again.
    Fetched(id, order.run, {}, {});
    return;
  }
  FactPlace place{live.execution.head().tenant(), live.execution.head().namespace_(),
                  live.execution.head().flow_id(), id};
  AfterCommitOf([this, alive = alive_, id, place = std::move(place), order = std::move(order)] {
    facts_.Fetch(place, order.facts,
                 [this, alive, id, run = order.run,
                  facts = order.facts](std::vector<absl::StatusOr<expression::Value>> answers) {
                   executor_.Post([this, alive, id, run, facts, answers = std::move(answers)] {
                     if (*alive) Fetched(id, run, facts, answers);
                   });
                 });
  });
}

void Strand::Fetched(const std::string& id, int64_t run, std::vector<expression::Fact> facts,
                     std::vector<absl::StatusOr<expression::Value>> answers) {
  const auto found = live_.find(id);
  if (found == live_.end()) return;  // It ended, or this replica lost it meanwhile.
  Live& live = *found->second;
  if (--live.fetching[run] <= 0) live.fetching.erase(run);
  v1::Event event;
  event.mutable_fetched()->set_run(run);
  engine::FetchedFacts& memory = live.execution.mutable_facts(run);
  for (size_t i = 0; i < facts.size() && i < answers.size(); ++i) {
    v1::FetchedFact& told = *event.mutable_fetched()->add_facts();
    const bool secret = facts[i].function == "secret" || facts[i].tainted();
    if (!facts[i].tainted()) told.set_key(facts[i].Key());
    told.set_secret(secret);
    told.set_found(answers[i].ok());
    if (!answers[i].ok()) told.set_error(std::string(answers[i].status().message()));
    if (answers[i].ok() && !secret) {
      told.mutable_value()->set_utf8(
          expression::ToJson(*answers[i], expression::NullPolicy::kKeep));
    }
    if (facts[i].function == "secret" && answers[i].ok()) {
      const std::string name = facts[i].arguments.empty() || !facts[i].arguments[0].is_string()
                                   ? std::string()
                                   : facts[i].arguments[0].AsString();
      memory.PutSecret(facts[i].Key(), name, *answers[i]);
    } else {
      memory.Put(facts[i].Key(), answers[i]);
    }
  }
  Enqueue(id, std::move(event), [this, id, run](Live* live, bool) {
    // A rendering had stopped for these facts: ask for a slot again.
    const auto waiting = awaiting_render_.find({id, run});
    if (waiting == awaiting_render_.end()) return;
    const auto [queue, type] = waiting->second;
    awaiting_render_.erase(waiting);
    if (live != nullptr) Offer(id, *live, {run, queue, type});
  });
}

void Strand::Forget(const std::string& id) {
  ready_queue_.RemoveExecution(id);
  for (auto it = timer_dues_.lower_bound({id, INT64_MIN, INT32_MIN});
       it != timer_dues_.end() && std::get<0>(it->first) == id;) {
    timers_.erase({it->second, id, std::get<1>(it->first), std::get<2>(it->first)});
    it = timer_dues_.erase(it);
  }
  for (auto it = awaiting_render_.lower_bound({id, INT64_MIN});
       it != awaiting_render_.end() && it->first.first == id;) {
    it = awaiting_render_.erase(it);
  }
  live_.erase(id);
}

// ---- Watch -----------------------------------------------------------------------------------------

Watch::Id Strand::Subscribe(std::string execution_id, std::function<void(const Update&)> listener) {
  MutexLock lock(&mutex_);
  const Id id = next_listener_++;
  listeners_by_execution_.insert({execution_id, id});
  listeners_[id] = {std::move(execution_id), std::move(listener)};
  return id;
}

void Strand::Unsubscribe(Id id) {
  MutexLock lock(&mutex_);
  const auto found = listeners_.find(id);
  if (found == listeners_.end()) return;
  const auto [first, last] = listeners_by_execution_.equal_range(found->second.execution_id);
  for (auto it = first; it != last; ++it) {
    if (it->second != id) continue;
    listeners_by_execution_.erase(it);
    break;
  }
  listeners_.erase(found);
}

}  // namespace orch::conductor
