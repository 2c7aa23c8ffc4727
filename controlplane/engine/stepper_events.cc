// What each event means by itself, before anything follows from it.
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/hash.h"
#include "controlplane/engine/stepper.h"
#include "expression/json.h"

namespace orch::engine {
namespace {

constexpr absl::Duration kKillGrace = absl::Seconds(30);
constexpr int kReturnedCountMax = 10;  // Free of charge; beyond it an attempt is lost.

// Adds a label, or gives the one of the same key its value, in its place.
void PutLabel(v1::ExecutionPayload& payload, const std::string& key, const std::string& value) {
  for (v1::Label& label : *payload.mutable_labels()) {
    if (label.key() != key) continue;
    label.set_value(value);
    return;
  }
  v1::Label& label = *payload.add_labels();
  label.set_key(key);
  label.set_value(value);
}

}  // namespace

void Stepper::Handle(const v1::Event& event) {
  if (draft_.head().id().empty() && event.kind_case() != v1::Event::kExecutionCreated) return;
  switch (event.kind_case()) {
    case v1::Event::kExecutionCreated: return OnCreated(event.execution_created());
    case v1::Event::kTaskRunLeased: return OnLeased(event.task_run_leased());
    case v1::Event::kTaskRunEnded: return OnEnded(event.task_run_ended());
    case v1::Event::kLeaseExpired: return OnLeaseExpired(event.lease_expired());
    case v1::Event::kLeaseReturned: return OnReturned(event.lease_returned());
    case v1::Event::kTimerFired: return OnTimer(event.timer_fired());
    case v1::Event::kKillRequested: return OnKill(event.kill_requested());
    case v1::Event::kFetched: return OnFetched(event.fetched());
    case v1::Event::kContinue: return OnContinue();
    case v1::Event::kStopConfirmed: return OnStopConfirmed(event.stop_confirmed());
    case v1::Event::kRenderingFailed: return OnRenderingFailed(event.rendering_failed());
    case v1::Event::kLabelsChanged: return OnLabelsChanged(event.labels_changed());
    // Of flow states, and of children that this engine does not start.
    case v1::Event::kChildEnded:
    case v1::Event::kFlowSaved:
    case v1::Event::kFlowDeleted:
    case v1::Event::kSlotAsked:
    case v1::Event::kSlotReleased:
    case v1::Event::kSlotGranted:
    case v1::Event::kSlotRefused:
    case v1::Event::KIND_NOT_SET: return;
  }
}

void Stepper::OnCreated(const v1::ExecutionCreated& event) {
  if (!draft_.head().id().empty()) return;  // Creating twice is no error.
  v1::ExecutionHead& head = draft_.MutableHead();
  head.set_id(event.execution_id());
  head.set_bucket(BucketOf(event.tenant(), event.namespace_(), event.flow_id()));
  head.set_tenant(event.tenant());
  head.set_namespace_(event.namespace_());
  head.set_flow_id(event.flow_id());
  head.set_flow_revision(event.flow_revision());
  head.set_live(true);
  head.set_generation(1);
  head.set_created_micros(draft_.now_micros());
  head.set_parent_id(event.parent_id());
  head.set_original_id(event.original_id().empty() ? event.execution_id() : event.original_id());
  head.set_attempt_number(1);
  if (event.has_trigger()) *head.mutable_trigger() = event.trigger();
  head.set_schedule_micros(event.schedule_micros());
  head.set_idempotency_key(event.idempotency_key());
  PushState(head, v1::CREATED, draft_.now_micros());

  v1::ExecutionPayload& payload = draft_.MutablePayload();
  payload.set_execution_id(event.execution_id());
  if (event.has_inputs()) *payload.mutable_inputs() = event.inputs();
  if (event.has_variables() && !event.variables().utf8().empty()) {
    *payload.mutable_variables() = event.variables();
  } else if (flow_.variables.is_map() && flow_.variables.size() > 0) {
    payload.mutable_variables()->set_utf8(
        expression::ToJson(flow_.variables, expression::NullPolicy::kKeep));
  }
  for (const auto& [key, value] : flow_.labels) {
    if (!key.starts_with("system.")) PutLabel(payload, key, value);
  }
  bool correlated = false;
  for (const v1::Label& label : event.labels()) {
    PutLabel(payload, label.key(), label.value());
    correlated = correlated || label.key() == "system.correlationId";
  }
  if (!correlated) PutLabel(payload, "system.correlationId", event.execution_id());

  if (event.schedule_micros() > draft_.now_micros()) {
    draft_.PutTimer(-1, v1::Timer::SCHEDULE, absl::FromUnixMicros(event.schedule_micros()));
    return;
  }
  due_owners_.insert(-1);
}

const v1::TaskRun* Stepper::Holder(int64_t number, int attempt, uint64_t fence) const {
  const v1::TaskRun* run = draft_.FindRun(number);
  const bool holds = run != nullptr && run->live() && run->has_lease() &&
                     run->lease().attempt() == attempt && run->lease().fence() == fence;
  return holds ? run : nullptr;
}

void Stepper::OnLeased(const v1::TaskRunLeased& event) {
  const v1::TaskRun* waiting = draft_.FindRun(event.run());
  const v1::Lease& lease = event.lease();
  if (waiting == nullptr || waiting->state() != v1::CREATED || waiting->ready() ||
      waiting->has_waiting() || UnderKill(event.run())) {
    return;
  }
  const flow::Task* task = flow_.FindTask(waiting->task_id());
  if (task == nullptr ||
      (task->place != flow::Place::kWorker && task->place != flow::Place::kSystem)) {
    return;
  }
  if (lease.attempt() != waiting->attempt_count() + 1 || lease.fence() <= waiting->fence()) return;
  v1::TaskRun& run = draft_.MutableRun(event.run());
  v1::Attempt& attempt = BeginAttempt(run);
  attempt.set_worker_id(lease.worker_id());
  *run.mutable_lease() = lease;
  run.set_fence(lease.fence());
  Become(run, v1::RUNNING);
}

void Stepper::OnEnded(const v1::TaskRunEnded& event) {
  const v1::TaskRun* held = Holder(event.run(), event.attempt(), event.fence());
  if (held == nullptr || !IsTerminal(event.state())) return;
  const std::string session = held->lease().session();
  v1::TaskRun& run = draft_.MutableRun(event.run());
  run.set_line_count(event.line_count());
  if (run.state() == v1::KILLING || UnderKill(event.run())) {
    EndAttempt(run, v1::KILLED, "");
    EndRun(event.run(), v1::KILLED, Soften::kNo);
    return;
  }
  const bool by_worker = !event.worker_id().empty();
  if (!by_worker && event.error_code() == "TIMEOUT") {
    effects_.push_back(StopAttempt{event.run(), event.attempt(), event.fence(), session,
                                   StopAttempt::Reason::kTimedOut});
  }
  v1::State state = event.state();
  std::string error = event.error();
  std::string code = event.error_code();
  if (!event.outputs().utf8().empty()) {
    const std::string& json = event.outputs().utf8();
    absl::StatusOr<expression::Value> outputs = expression::ParseJson(json);
    if (static_cast<int64_t>(json.size()) > kOutputBytesMax) {
      state = v1::FAILED;
      code = "OUTPUT_TOO_LARGE";
      error = absl::StrCat("the outputs are larger than ", kOutputBytesMax, " bytes");
    } else if (!outputs.ok() || !outputs->is_map()) {
      state = v1::FAILED;
      code = "INVALID_OUTPUT";
      error = "the worker's outputs are no JSON object";
    } else if (!StoreOutputs(run, *outputs, &error)) {
      state = v1::FAILED;
      code = "INVALID_OUTPUT";
    }
    run.set_sealed(run.sealed() || event.sealed());
  }
  if (state == v1::FAILED) {
    if (!by_worker || code == "INVALID_OUTPUT" || code == "OUTPUT_TOO_LARGE") {
      LogRun(run, v1::ERROR, error);
    }
    EndAttempt(run, v1::FAILED, error);
    FailOrRetry(event.run(), code, error);
    return;
  }
  EndAttempt(run, state, error);
  EndRun(event.run(), state, Soften::kYes);
}

void Stepper::LoseAttempt(int64_t number, std::string_view why) {
  v1::TaskRun& run = draft_.MutableRun(number);
  if (run.state() == v1::KILLING || UnderKill(number)) {
    EndAttempt(run, v1::KILLED, why);
    EndRun(number, v1::KILLED, Soften::kNo);
    return;
  }
  const flow::Task* task = flow_.FindTask(run.task_id());
  const std::string worker = run.lease().worker_id();
  const bool never = task != nullptr && task->restart_never;
  if (never || run.lost_count() >= kLostCountMax) {
    const std::string error =
        never ? absl::StrCat("worker '", worker, "' was lost, and the task must not run twice")
              : absl::StrCat("worker '", worker, "' was lost; it is the third this run lost");
    LogRun(run, v1::ERROR, error);
    EndAttempt(run, v1::FAILED, error);
    FailOrRetry(number, "WORKER_LOST", error);
    return;
  }
  LogRun(run, v1::WARN,
         absl::StrCat("worker '", worker, "' was lost (", std::string(why),
                      "): the task is offered again"));
  EndAttempt(run, v1::RESUBMITTED, why);
  run.set_lost_count(run.lost_count() + 1);
  Become(run, v1::CREATED);
  due_runs_.insert(number);
}

void Stepper::OnLeaseExpired(const v1::LeaseExpired& event) {
  const v1::TaskRun* run = Holder(event.run(), event.attempt(), event.fence());
  if (run == nullptr) return;
  effects_.push_back(StopAttempt{event.run(), event.attempt(), event.fence(),
                                 run->lease().session(), StopAttempt::Reason::kSuperseded});
  LoseAttempt(event.run(), "its lease expired");
}

void Stepper::OnReturned(const v1::LeaseReturnedByWorker& event) {
  const v1::TaskRun* held = Holder(event.run(), event.attempt(), event.fence());
  if (held == nullptr) return;
  const std::string why = event.reason().empty() ? "it was given back" : event.reason();
  if (event.begun() || held->state() == v1::KILLING || UnderKill(event.run()) ||
      held->returned_count() >= kReturnedCountMax) {
    LoseAttempt(event.run(), why);
    return;
  }
  // Never begun: as if it had not been lent. The fence stays, so that its token is spent.
  v1::TaskRun& run = draft_.MutableRun(event.run());
  run.set_returned_count(run.returned_count() + 1);
  run.set_attempt_count(run.attempt_count() - 1);
  if (run.attempts_size() > 0) run.mutable_attempts()->RemoveLast();
  run.clear_lease();
  Become(run, v1::CREATED);
  due_runs_.insert(event.run());
}

void Stepper::OnTimer(const v1::TimerFired& event) {
  const v1::Timer* timer = draft_.FindTimer(event.run(), event.kind());
  if (timer == nullptr || timer->generation() != event.generation() ||
      timer->attempt() != event.attempt() || timer->due_micros() > draft_.now_micros()) {
    return;
  }
  if (event.run() < 0) {
    if (event.kind() != v1::Timer::SCHEDULE || !draft_.head().live()) return;
    draft_.DropTimer(-1, v1::Timer::SCHEDULE);
    due_owners_.insert(-1);
    return;
  }
  const v1::TaskRun* waiting = draft_.FindRun(event.run());
  if (waiting == nullptr || !waiting->live()) return;
  if (event.kind() == v1::Timer::KILL_GRACE) {
    if (waiting->state() != v1::KILLING) return;
    EndAttempt(draft_.MutableRun(event.run()), v1::KILLED, "it did not stop in time");
    EndRun(event.run(), v1::KILLED, Soften::kNo);
    return;
  }
  if (UnderKill(event.run())) return;
  if (event.kind() == v1::Timer::RETRY && waiting->state() == v1::RETRYING) {
    draft_.DropTimer(event.run(), v1::Timer::RETRY);
    v1::TaskRun& run = draft_.MutableRun(event.run());
    run.set_due_micros(0);
    Become(run, v1::CREATED);
    due_runs_.insert(event.run());
    if (draft_.head().state() == v1::RETRYING) SetHeadState(v1::RUNNING);
  } else if (event.kind() == v1::Timer::SLEEP && waiting->state() == v1::RUNNING) {
    v1::TaskRun& run = draft_.MutableRun(event.run());
    if (run.waiting().reason() == kSleepsToTimeout) {
      run.set_error_code("TIMEOUT");
      FailRun(event.run(), "Timeout: its timeout was shorter than its duration", Soften::kYes);
      return;
    }
    EndAttempt(run, v1::SUCCESS, "");
    EndRun(event.run(), v1::SUCCESS, Soften::kYes);
  }
}

void Stepper::OnKill(const v1::KillRequested& event) {
  const v1::ExecutionHead& before = draft_.head();
  if (!before.live()) return;
  if (before.state() == v1::KILLING) {
    if (event.cascade() && !before.kill_cascade()) draft_.MutableHead().set_kill_cascade(true);
    return;
  }
  v1::ExecutionHead& head = draft_.MutableHead();
  SetHeadState(v1::KILLING);
  head.set_kill_cascade(event.cascade());
  head.set_kill_cursor(0);
  head.set_kill_run_count(draft_.run_count());
  head.clear_waiting();
  draft_.DropTimer(-1, v1::Timer::SCHEDULE);
  KillSome();
  due_owners_.insert(-1);
}

void Stepper::KillSome() {
  const int64_t end = draft_.head().kill_run_count();
  int64_t cursor = draft_.head().kill_cursor();
  if (draft_.head().state() != v1::KILLING || cursor >= end) return;
  const std::set<int64_t>& live = draft_.base().live_runs();
  auto next = live.lower_bound(cursor);
  for (; next != live.end() && *next < end; ++next) {
    if (draft_.changed_run_count() >= kSliceRunCount) break;
    const v1::TaskRun& run = *draft_.FindRun(*next);
    if (run.live()) KillRun(run);
  }
  cursor = next == live.end() ? end : std::min(*next, end);
  draft_.MutableHead().set_kill_cursor(cursor);
}

void Stepper::KillRun(const v1::TaskRun& row) {
  const int64_t number = row.number();
  const flow::Task* task = flow_.FindTask(row.task_id());
  if (row.has_lease()) {
    if (row.state() == v1::KILLING) return;
    v1::TaskRun& run = draft_.MutableRun(number);
    Become(run, v1::KILLING);
    v1::Timer& timer = draft_.PutTimer(number, v1::Timer::KILL_GRACE, draft_.now() + kKillGrace);
    timer.set_generation(run.generation());
    timer.set_attempt(run.lease().attempt());
    run.set_due_micros(timer.due_micros());
    effects_.push_back(StopAttempt{number, run.lease().attempt(), run.lease().fence(),
                                   run.lease().session(), StopAttempt::Reason::kKilled});
    return;
  }
  if (task != nullptr && IsContainer(*task) && row.state() == v1::RUNNING) {
    due_owners_.insert(number);  // It ends with its children.
    return;
  }
  const bool offered = row.state() == v1::CREATED && !row.ready() && !row.has_waiting() &&
                       task != nullptr &&
                       (task->place == flow::Place::kWorker || task->place == flow::Place::kSystem);
  if (offered) effects_.push_back(WithdrawRun{number});
  v1::TaskRun& run = draft_.MutableRun(number);
  if (run.state() == v1::RUNNING) EndAttempt(run, v1::KILLED, "");
  EndRun(number, v1::KILLED, Soften::kNo);
}

void Stepper::OnFetched(const v1::Fetched& event) {
  if (event.run() < 0) {
    if (draft_.head().live() && draft_.head().has_waiting()) due_owners_.insert(-1);
    return;
  }
  const v1::TaskRun* run = draft_.FindRun(event.run());
  if (run != nullptr && run->state() == v1::CREATED && run->has_waiting()) {
    due_runs_.insert(event.run());
  }
}

void Stepper::OnContinue() {
  if (!draft_.head().live() || !draft_.head().continue_due()) return;
  is_continue_ = true;
  KillSome();
  const std::set<int64_t>& ready = draft_.base().ready_runs();
  int64_t taken = 0;
  for (const int64_t number : ready) {
    if (++taken > kSliceRunCount) {
      more_ready_ = true;
      break;
    }
    const v1::TaskRun* run = draft_.FindRun(number);
    if (!run->live()) continue;
    (run->state() == v1::CREATED ? due_runs_ : due_owners_).insert(number);
  }
  due_owners_.insert(-1);
}

void Stepper::OnStopConfirmed(const v1::StopConfirmed& event) {
  const v1::TaskRun* run = Holder(event.run(), event.attempt(), event.fence());
  if (run == nullptr || run->state() != v1::KILLING) return;
  EndAttempt(draft_.MutableRun(event.run()), v1::KILLED, "");
  EndRun(event.run(), v1::KILLED, Soften::kNo);
}

void Stepper::OnRenderingFailed(const v1::RenderingFailed& event) {
  const v1::TaskRun* waiting = draft_.FindRun(event.run());
  if (waiting == nullptr || waiting->state() != v1::CREATED || waiting->ready() ||
      waiting->has_waiting() || UnderKill(event.run())) {
    return;
  }
  v1::TaskRun& run = draft_.MutableRun(event.run());
  BeginAttempt(run);
  Become(run, v1::RUNNING);
  LogRun(run, v1::ERROR, event.error());
  EndAttempt(run, v1::FAILED, event.error());
  FailOrRetry(event.run(), "RENDERING", event.error());
}

void Stepper::OnLabelsChanged(const v1::LabelsChanged& event) {
  if (draft_.head().live()) return;  // Labels of others are changed after the end alone.
  draft_.MutableHead().set_generation(draft_.head().generation() + 1);
  *draft_.MutablePayload().mutable_labels() = event.labels();
}

}  // namespace orch::engine
