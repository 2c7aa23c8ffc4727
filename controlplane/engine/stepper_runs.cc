// The life of one run: created, started, ended.
#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/engine/inline_tasks.h"
#include "controlplane/engine/loop_values.h"
#include "controlplane/engine/retry.h"
#include "controlplane/engine/sealed.h"
#include "controlplane/engine/stepper.h"
#include "controlplane/flow/duration.h"
#include "expression/json.h"
#include "expression/text.h"
#include "secrets/scrubber.h"

namespace orch::engine {
namespace {

using expression::Error;
using expression::MapBuilder;
using expression::Need;
using expression::Outcome;
using expression::Value;

constexpr int kFactCountMax = 256;
constexpr absl::Duration kFactsWait = absl::Seconds(60);
constexpr int kAttemptsKept = 20;

bool IsSuspended(v1::State state) {
  return state == v1::PAUSED || state == v1::RETRYING || state == v1::BREAKPOINT;
}

// The tasks of a Switch's case; nullptr when there is no such case.
const flow::TaskList* FindCase(const flow::Task& task, std::string_view key) {
  for (int i = 0; i < static_cast<int>(task.branches.size()); ++i) {
    if (i != task.defaults_branch && task.branches[i].name == key) return &task.branches[i].tasks;
  }
  return nullptr;
}

}  // namespace

void Count(v1::Tally& tally, v1::State state, int64_t by) {
  if (!IsTerminal(state)) {
    tally.set_live(tally.live() + by);
    if (state == v1::RUNNING || state == v1::KILLING) tally.set_running(tally.running() + by);
    if (IsSuspended(state)) tally.set_paused(tally.paused() + by);
    return;
  }
  tally.set_done(tally.done() + by);
  switch (state) {
    case v1::FAILED: tally.set_failed(tally.failed() + by); break;
    case v1::WARNING: tally.set_warning(tally.warning() + by); break;
    case v1::KILLED: tally.set_killed(tally.killed() + by); break;
    case v1::SKIPPED: tally.set_skipped(tally.skipped() + by); break;
    default: break;
  }
}

QueueOutcome QueueOf(const Scope& scope, const flow::Task& task, const v1::TaskRun& run) {
  if (task.place == flow::Place::kSystem) return std::string("system");
  const std::optional<flow::WorkerGroup>& group =
      task.worker_group ? task.worker_group : scope.flow->worker_group;
  if (!group || group->key.empty()) return std::string("default");
  // Drawn from the run alone, so that a takeover offers it to the same queue.
  const int64_t since = run.history_size() > 0 ? run.history(0).micros() : 0;
  const Evaluator evaluator(scope, absl::FromUnixMicros(since), 0);
  Outcome outcome = evaluator.Text(group->key, "workerGroup");
  if (auto* fault = std::get_if<Error>(&outcome)) return std::move(*fault);
  if (std::holds_alternative<Need>(outcome)) {
    return Error{Error::Code::kEval, "the key of a worker group must not need kv, secret or files"};
  }
  std::string key = expression::PrintText(std::get<Value>(outcome));
  if (key.empty()) return std::string("default");
  if (key == "system") {
    return Error{Error::Code::kEval, "'system' is no worker group: choose another key"};
  }
  return key;
}

Scope Stepper::ScopeOf(int64_t run) const {
  return Scope{&draft_, &flow_, &environment_, run, /*open_sealed=*/true, Value()};
}

bool Stepper::UnderKill(int64_t run) const {
  return draft_.head().state() == v1::KILLING && run < draft_.head().kill_run_count();
}

v1::TaskRun& Stepper::NewChild(int64_t owner, const flow::Task& task, std::string_view list,
                               std::string_view value, bool has_value, int64_t iteration) {
  v1::TaskRun& run = draft_.NewRun(task.id, owner, value, has_value);
  run.set_iteration(iteration);
  run.set_list(std::string(list));
  run.set_live(true);
  PushState(run, v1::CREATED, draft_.now_micros());
  v1::BranchState& branch = MutableBranchOf(owner);
  v1::Tally& tally = list == "tasks" ? *branch.mutable_tally() : *branch.mutable_side_tally();
  tally.set_created(tally.created() + 1);
  Count(tally, v1::CREATED, 1);
  if (draft_.head().state() == v1::CREATED) SetHeadState(v1::RUNNING);
  due_runs_.insert(run.number());
  return run;
}

void Stepper::Become(v1::TaskRun& run, v1::State state) {
  if (run.state() == state) return;
  const v1::State before = run.state();
  PushState(run, state, draft_.now_micros());
  run.set_live(!IsTerminal(state));
  v1::BranchState& branch = MutableBranchOf(run.parent());
  v1::Tally& tally = run.list() == "tasks" ? *branch.mutable_tally() : *branch.mutable_side_tally();
  Count(tally, before, -1);
  Count(tally, state, 1);
  if (tally.live() < 0 || tally.running() < 0 || tally.paused() < 0) {
    Break(absl::StrCat("the tally of task run ", run.parent(), " fell below zero"));
  }
  due_owners_.insert(run.parent());
}

v1::Attempt& Stepper::BeginAttempt(v1::TaskRun& run) {
  run.set_attempt_count(run.attempt_count() + 1);
  if (run.first_attempt_micros() == 0) run.set_first_attempt_micros(draft_.now_micros());
  if (run.attempts_size() >= kAttemptsKept) {
    run.mutable_attempts()->DeleteSubrange(0, run.attempts_size() - kAttemptsKept + 1);
  }
  v1::Attempt& attempt = *run.add_attempts();
  attempt.set_number(run.attempt_count());
  attempt.set_state(v1::RUNNING);
  attempt.set_started_micros(draft_.now_micros());
  return attempt;
}

void Stepper::EndAttempt(v1::TaskRun& run, v1::State state, std::string_view error) {
  if (run.attempts_size() > 0) {
    v1::Attempt& attempt = *run.mutable_attempts(run.attempts_size() - 1);
    attempt.set_state(state);
    attempt.set_ended_micros(draft_.now_micros());
    attempt.set_error(std::string(error));
  }
  run.clear_lease();
}

void Stepper::LogRun(const v1::TaskRun& run, v1::LogLevel level, std::string_view text,
                     bool tainted) {
  const flow::Task* task = flow_.FindTask(run.task_id());
  const std::optional<v1::LogLevel> floor =
      task == nullptr ? std::nullopt : ParseLevel(task->log_level);
  if (floor && level < *floor) return;
  draft_.Log(run.number(), std::max(run.attempt_count(), 1), level,
             tainted ? "******" : Scrub(run.number(), text));
}

std::string Stepper::Scrub(int64_t run, std::string_view text) const {
  const FetchedFacts* facts = draft_.base().facts(run);
  if (facts == nullptr || facts->secrets().empty()) return std::string(text);
  std::vector<std::string> values;
  for (const auto& [name, value] : facts->secrets()) values.push_back(value);
  return secrets::Scrubber(values).Scrub(text);
}

std::optional<Error> Stepper::WaitForFacts(int64_t number, const Need& need) {
  const v1::TaskRun* run = draft_.FindRun(number);
  const v1::Waiting* waiting = number < 0 && draft_.head().has_waiting() ? &draft_.head().waiting()
                               : run != nullptr && run->has_waiting()    ? &run->waiting()
                                                                         : nullptr;
  const FetchedFacts* facts = draft_.base().facts(number);
  const size_t known = facts == nullptr ? 0 : facts->size();
  if (known + need.facts.size() > kFactCountMax) {
    return Error{Error::Code::kLimit, absl::StrCat("an expression may use at most ", kFactCountMax,
                                                   " keys, secrets and files")};
  }
  if (waiting != nullptr &&
      draft_.now_micros() - waiting->since_micros() > absl::ToInt64Microseconds(kFactsWait)) {
    return Error{Error::Code::kLimit, "what an expression uses could not be fetched within 60 s"};
  }
  if (waiting == nullptr) {
    v1::Waiting& row = number < 0 ? *draft_.MutableHead().mutable_waiting()
                                  : *draft_.MutableRun(number).mutable_waiting();
    row.set_reason(kWaitsForFacts);
    row.set_since_micros(draft_.now_micros());
    row.set_seed(draft_.seed());
  }
  effects_.push_back(FetchFacts{number, need.facts});
  return std::nullopt;
}

bool Stepper::StoreOutputs(v1::TaskRun& run, const Value& outputs, std::string* error) {
  run.clear_outputs();
  run.set_outputs_apart(false);
  run.set_sealed(false);
  if (!outputs.is_map() || outputs.size() == 0) return true;
  Value stored = outputs;
  if (outputs.AnyTainted()) {
    absl::StatusOr<Value> sealed =
        SealWhole(outputs, environment_.sealer, PropertySeed(draft_.seed(), run.number(), "seal"));
    if (!sealed.ok()) {
      *error = std::string(sealed.status().message());
      return false;
    }
    stored = *std::move(sealed);
    run.set_sealed(true);
  }
  std::string json = expression::ToJson(stored);
  if (json == "{}") return true;
  const int64_t size = static_cast<int64_t>(json.size());
  if (size > kOutputBytesMax) {
    *error = absl::StrCat("the outputs are larger than ", kOutputBytesMax, " bytes");
    return false;
  }
  if (size > kInlineOutputBytesMax) {
    draft_.PutRunPayload(run.number(), v1::TaskRunPayload::OUTPUTS, std::move(json));
    run.set_outputs_apart(true);
  } else {
    draft_.AddBytes(size);
    run.mutable_outputs()->set_utf8(std::move(json));
  }
  return true;
}

void Stepper::StartRun(int64_t number) {
  const v1::TaskRun& row = *draft_.FindRun(number);
  if (row.state() != v1::CREATED) return;
  if (UnderKill(number)) {
    KillRun(row);
    return;
  }
  const flow::Task* task = flow_.FindTask(row.task_id());
  if (task == nullptr) {
    Break(absl::StrCat("the flow has no task '", row.task_id(), "'"));
    return;
  }
  if (row.ready()) draft_.MutableRun(number).set_ready(false);
  // Asked before the first attempt only: a later one goes on with what was begun.
  if (!task->run_if.empty() && row.attempt_count() == 0) {
    const v1::Waiting& waiting = row.waiting();
    const Evaluator evaluator(
        ScopeOf(number),
        row.has_waiting() ? absl::FromUnixMicros(waiting.since_micros()) : draft_.now(),
        row.has_waiting() ? waiting.seed() : draft_.seed());
    Outcome outcome = evaluator.Text(task->run_if, "runIf");
    std::optional<Error> fault;
    if (auto* need = std::get_if<Need>(&outcome)) {
      fault = WaitForFacts(number, *need);
      if (!fault) return;
    } else if (auto* error = std::get_if<Error>(&outcome)) {
      fault = std::move(*error);
    }
    v1::TaskRun& run = draft_.MutableRun(number);
    if (fault) {
      run.set_error(
          Scrub(number, absl::StrCat("Failed to evaluate the runIf condition: ", fault->message)));
      LogRun(run, v1::ERROR, run.error());
      EndRun(number, v1::FAILED, Soften::kNo);
      return;
    }
    if (!expression::Truthy(expression::PrintText(std::get<Value>(outcome)))) {
      BeginAttempt(run);
      EndAttempt(run, v1::SKIPPED, "");
      EndRun(number, v1::SKIPPED, Soften::kNo);
      return;
    }
  }
  switch (task->place) {
    case flow::Place::kInline: return RunInline(number, *task);
    case flow::Place::kFlowable: return BeginFlowable(number, *task);
    case flow::Place::kSystem:
    case flow::Place::kWorker: return Offer(number, *task);
  }
}

void Stepper::Offer(int64_t number, const flow::Task& task) {
  const v1::TaskRun* row = draft_.FindRun(number);
  QueueOutcome queue = QueueOf(ScopeOf(number), task, *row);
  if (auto* fault = std::get_if<Error>(&queue)) {
    v1::TaskRun& run = draft_.MutableRun(number);
    BeginAttempt(run);
    FailRun(number, fault->message, Soften::kYes);
    return;
  }
  if (row->has_waiting()) draft_.MutableRun(number).clear_waiting();
  effects_.push_back(OfferRun{number, std::get<std::string>(std::move(queue)), task.type});
}

void Stepper::RunInline(int64_t number, const flow::Task& task) {
  const v1::TaskRun& row = *draft_.FindRun(number);
  const v1::Waiting waiting = row.waiting();
  const Evaluator evaluator(
      ScopeOf(number),
      row.has_waiting() ? absl::FromUnixMicros(waiting.since_micros()) : draft_.now(),
      row.has_waiting() ? waiting.seed() : draft_.seed());
  ++inline_count_;
  InlineOutcome outcome = RunInlineTask(task, evaluator);
  if (auto* need = std::get_if<Need>(&outcome)) {
    std::optional<Error> fault = WaitForFacts(number, *need);
    if (!fault) return;
    outcome = *std::move(fault);
  }
  v1::TaskRun& run = draft_.MutableRun(number);
  run.clear_waiting();
  BeginAttempt(run);
  Become(run, v1::RUNNING);
  if (auto* fault = std::get_if<Error>(&outcome)) {
    const std::string error = Scrub(number, fault->message);
    LogRun(run, v1::ERROR, error);
    EndAttempt(run, v1::FAILED, error);
    FailOrRetry(number, "EVALUATION", error);
    return;
  }
  InlineResult& result = std::get<InlineResult>(outcome);
  for (const InlineResult::Line& line : result.lines) {
    LogRun(run, line.level, line.text, line.tainted);
  }
  std::string error = Scrub(number, result.error);
  if (!StoreOutputs(run, result.outputs, &error)) result.state = v1::FAILED;
  if (result.state == v1::FAILED) {
    LogRun(run, v1::ERROR, error);
    EndAttempt(run, v1::FAILED, error);
    FailOrRetry(number, "", error);
    return;
  }
  if (result.labels) {
    v1::ExecutionPayload& payload = draft_.MutablePayload();
    for (v1::Label& label : *result.labels) {
      const auto same =
          std::find_if(payload.mutable_labels()->begin(), payload.mutable_labels()->end(),
                       [&label](const v1::Label& each) { return each.key() == label.key(); });
      (same == payload.mutable_labels()->end() ? *payload.add_labels() : *same) = std::move(label);
    }
  }
  if (result.variables) {
    draft_.MutablePayload().mutable_variables()->set_utf8(
        expression::ToJson(*result.variables, expression::NullPolicy::kKeep));
  }
  EndAttempt(run, v1::SUCCESS, "");
  EndRun(number, v1::SUCCESS, Soften::kYes);
}

void Stepper::EndRun(int64_t number, v1::State state, Soften soften) {
  v1::TaskRun& run = draft_.MutableRun(number);
  const flow::Task* task = flow_.FindTask(run.task_id());
  if (soften == Soften::kYes && task != nullptr) {
    const std::optional<flow::Retry>& retry = RetryOf(flow_, *task);
    if (state == v1::SUCCESS && retry && retry->warning_on_retry && !IsContainer(*task) &&
        run.attempt_count() - run.lost_count() > 1) {
      state = v1::WARNING;
    }
    if (state == v1::FAILED && task->allow_failure) state = v1::WARNING;
    const bool stays = task->flowable == flow::Flowable::kAllowFailure;
    if (state == v1::WARNING && task->allow_warning && !stays) state = v1::SUCCESS;
  }
  run.clear_lease();
  run.clear_waiting();
  run.set_ready(false);
  if (run.due_micros() != 0) {
    run.set_due_micros(0);
    for (const v1::Timer::Kind kind : {v1::Timer::RETRY, v1::Timer::SLEEP, v1::Timer::KILL_GRACE}) {
      draft_.DropTimer(number, kind);
    }
  }
  Become(run, state);
  if (state != v1::FAILED && state != v1::KILLED) GroupChildEnded(run);
}

void Stepper::FailRun(int64_t number, std::string_view error, Soften soften) {
  v1::TaskRun& run = draft_.MutableRun(number);
  const std::string text = Scrub(number, error);
  run.set_error(text);
  LogRun(run, v1::ERROR, text);
  if (run.state() == v1::CREATED) Become(run, v1::RUNNING);
  EndAttempt(run, v1::FAILED, text);
  EndRun(number, v1::FAILED, soften);
}

void Stepper::FailOrRetry(int64_t number, std::string_view code, std::string_view error) {
  v1::TaskRun& run = draft_.MutableRun(number);
  run.set_error(std::string(error));
  run.set_error_code(std::string(code));
  const flow::Task* task = flow_.FindTask(run.task_id());
  const std::optional<flow::Retry>& retry = RetryOf(flow_, *task);
  std::optional<absl::Time> next;
  if (retry && !UnderKill(number)) {
    next = NextAttempt(*retry, run, draft_.now(), PropertySeed(draft_.seed(), number, "retry"));
  }
  if (!next) {
    EndRun(number, v1::FAILED, Soften::kYes);
    return;
  }
  run.clear_lease();
  Become(run, v1::RETRYING);
  v1::Timer& timer = draft_.PutTimer(number, v1::Timer::RETRY, *next);
  timer.set_generation(run.generation());
  timer.set_attempt(run.attempt_count());
  run.set_due_micros(timer.due_micros());
  if (draft_.head().state() == v1::RUNNING) SetHeadState(v1::RETRYING);
}

void Stepper::BeginFlowable(int64_t number, const flow::Task& task) {
  const v1::TaskRun& row = *draft_.FindRun(number);
  const v1::Waiting waiting = row.waiting();
  const Evaluator evaluator(
      ScopeOf(number),
      row.has_waiting() ? absl::FromUnixMicros(waiting.since_micros()) : draft_.now(),
      row.has_waiting() ? waiting.seed() : draft_.seed());
  v1::BranchState branch;
  Value outputs;
  std::optional<Error> fault;
  std::optional<Need> need;
  std::vector<std::string> loop_values;
  bool selected = true;
  const auto text_of = [&](std::string_view property) -> Value {
    const Value* written = task.properties.Find(property);
    if (written == nullptr || written->is_null()) return Value();
    if (!written->is_string()) return Value::String(expression::PrintText(*written));
    Outcome outcome = evaluator.Text(written->AsString(), property);
    if (auto* lacking = std::get_if<Need>(&outcome)) need = std::move(*lacking);
    if (auto* error = std::get_if<Error>(&outcome)) fault = std::move(*error);
    return std::holds_alternative<Value>(outcome) ? std::get<Value>(std::move(outcome)) : Value();
  };
  switch (task.flowable) {
    case flow::Flowable::kIf: {
      const Value condition = text_of("condition");
      const bool holds = expression::Truthy(expression::PrintText(condition));
      branch.set_selected(holds ? "then" : "else");
      MapBuilder map;
      map.Set("evaluationResult", Value::Bool(holds));
      outputs = map.Build();
      break;
    }
    case flow::Flowable::kSwitch: {
      const Value value = text_of("value");
      const std::string key = expression::PrintText(value);
      // A case "" is never taken, but its value counts as having one.
      const bool has_case = !value.is_null() && FindCase(task, key) != nullptr;
      const bool matches = has_case && !key.empty();
      branch.set_selected(matches ? key : "");
      selected = matches || task.defaults_branch >= 0;
      MapBuilder map;
      map.Set("value", Value::String(key).TaintedIf(value.AnyTainted()));
      map.Set("defaults", Value::Bool(!has_case));
      outputs = map.Build();
      break;
    }
    case flow::Flowable::kForEach: {
      LoopValuesOutcome values = EvaluateLoopValues(task, evaluator);
      if (auto* lacking = std::get_if<Need>(&values)) need = std::move(*lacking);
      if (auto* error = std::get_if<Error>(&values)) fault = std::move(*error);
      if (auto* texts = std::get_if<std::vector<std::string>>(&values)) {
        loop_values = std::move(*texts);
      }
      branch.set_value_count(static_cast<int64_t>(loop_values.size()));
      break;
    }
    case flow::Flowable::kSleep: return BeginSleep(number, task, evaluator);
    case flow::Flowable::kSequential:
    case flow::Flowable::kParallel:
    case flow::Flowable::kAllowFailure:
    case flow::Flowable::kDag:
    case flow::Flowable::kNone: break;
  }
  if (need) {
    fault = WaitForFacts(number, *need);
    if (!fault) return;
  }
  v1::TaskRun& run = draft_.MutableRun(number);
  run.clear_waiting();
  BeginAttempt(run);
  Become(run, v1::RUNNING);
  std::string error = fault ? fault->message : "";
  if (!fault && !StoreOutputs(run, outputs, &error)) fault = Error{Error::Code::kEval, error};
  if (fault) {
    FailRun(number, error, Soften::kYes);
    return;
  }
  if (task.flowable == flow::Flowable::kNone) {
    FailRun(number, absl::StrCat("this release cannot run tasks of type '", task.type, "'"),
            Soften::kYes);
    return;
  }
  if (!selected) {
    LogRun(run, v1::WARN, "No task found: no case matches the value, and there are no defaults");
    EndAttempt(run, v1::FAILED, "no task found");
    EndRun(number, v1::FAILED, Soften::kYes);
    return;
  }
  *run.mutable_branch() = std::move(branch);
  if (!loop_values.empty()) draft_.PutLoopValues(number, std::move(loop_values));
  due_owners_.insert(number);
}

void Stepper::BeginSleep(int64_t number, const flow::Task& task, const Evaluator& evaluator) {
  const auto duration_of =
      [&](const Value& written,
          std::string_view property) -> std::variant<absl::Duration, Need, Error> {
    Outcome outcome =
        written.is_string() ? evaluator.Text(written.AsString(), property) : Outcome(written);
    if (auto* need = std::get_if<Need>(&outcome)) return std::move(*need);
    if (auto* fault = std::get_if<Error>(&outcome)) return std::move(*fault);
    const std::string text = expression::PrintText(std::get<Value>(outcome));
    const std::optional<absl::Duration> duration = flow::ParseDuration(text);
    if (!duration || *duration < absl::ZeroDuration()) {
      return Error{Error::Code::kEval,
                   absl::StrCat(std::string(property), " must be a duration, such as PT5S")};
    }
    return *duration;
  };
  const Value* written = task.properties.Find("duration");
  auto duration = duration_of(written == nullptr ? Value() : *written, "duration");
  std::variant<absl::Duration, Need, Error> timeout = absl::InfiniteDuration();
  if (!task.timeout.empty()) timeout = duration_of(Value::String(task.timeout), "timeout");
  std::optional<Error> fault;
  Need needs;
  for (auto* outcome : {&duration, &timeout}) {
    if (auto* need = std::get_if<Need>(outcome)) {
      std::move(need->facts.begin(), need->facts.end(), std::back_inserter(needs.facts));
    } else if (auto* error = std::get_if<Error>(outcome); error != nullptr && !fault) {
      fault = std::move(*error);
    }
  }
  if (!fault && !needs.facts.empty()) {
    fault = WaitForFacts(number, needs);
    if (!fault) return;
  }
  v1::TaskRun& run = draft_.MutableRun(number);
  run.clear_waiting();
  BeginAttempt(run);
  Become(run, v1::RUNNING);
  if (fault) {
    FailRun(number, fault->message, Soften::kYes);
    return;
  }
  const absl::Duration whole = std::get<absl::Duration>(duration);
  const absl::Duration limit = std::get<absl::Duration>(timeout);
  LogRun(run, v1::INFO, absl::StrCat("Waiting for ", expression::DurationText(whole)));
  v1::Waiting& waits = *run.mutable_waiting();
  waits.set_reason(limit < whole ? kSleepsToTimeout : kSleeps);
  waits.set_since_micros(draft_.now_micros());
  v1::Timer& timer =
      draft_.PutTimer(number, v1::Timer::SLEEP, draft_.now() + std::min(whole, limit));
  timer.set_generation(run.generation());
  timer.set_attempt(run.attempt_count());
  run.set_due_micros(timer.due_micros());
}

}  // namespace orch::engine
