#include "controlplane/engine/execution.h"

#include <algorithm>

#include "base/hash.h"
#include "controlplane/engine/errors.h"
#include "expression/json.h"

namespace orch::engine {
namespace {

const std::vector<int64_t>& NoRuns() {
  static const std::vector<int64_t>* const kNone = new std::vector<int64_t>();
  return *kNone;
}

expression::Value Decode(const v1::Json& json) {
  if (json.utf8().empty()) return expression::Value();
  absl::StatusOr<expression::Value> value = expression::ParseJson(json.utf8());
  return value.ok() ? *std::move(value) : expression::Value();
}

}  // namespace

bool IsTerminal(v1::State state) {
  switch (state) {
    case v1::SUCCESS:
    case v1::WARNING:
    case v1::FAILED:
    case v1::KILLED:
    case v1::CANCELLED:
    case v1::RETRIED:
    case v1::SKIPPED:
    case v1::RESUBMITTED: return true;
    default: return false;
  }
}

void FetchedFacts::Put(std::string key, absl::StatusOr<expression::Value> answer) {
  answers_.insert_or_assign(std::move(key), std::move(answer));
}

void FetchedFacts::PutSecret(std::string key, std::string name, expression::Value value) {
  if (value.is_string()) secrets_.insert_or_assign(std::move(name), value.AsString());
  answers_.insert_or_assign(std::move(key), value.WithTaint());
}

const absl::StatusOr<expression::Value>* FetchedFacts::Find(const expression::Fact& fact) const {
  const auto found = answers_.find(fact.Key());
  return found == answers_.end() ? nullptr : &found->second;
}

uint64_t RunKeyHash(std::string_view task_id, int64_t parent, std::string_view value) {
  std::string bytes;
  bytes.reserve(task_id.size() + value.size() + 24);
  bytes.append(task_id).push_back('\0');
  bytes.append(std::to_string(parent)).push_back('\0');
  bytes.append(value);
  return StableHash(bytes);
}

std::vector<std::string> DecodeLoopValues(std::string_view json) {
  std::vector<std::string> texts;
  const absl::StatusOr<expression::Value> list = expression::ParseJson(json);
  if (!list.ok() || !list->is_list()) return texts;
  texts.reserve(list->size());
  for (const expression::Value& item : list->items()) {
    texts.push_back(item.is_string() ? item.AsString() : expression::ToJson(item));
  }
  return texts;
}

absl::StatusOr<Execution> Execution::FromRows(v1::ExecutionHead head, v1::ExecutionPayload payload,
                                              std::vector<v1::TaskRun> runs,
                                              std::vector<v1::TaskRunPayload> run_payloads,
                                              std::vector<v1::Timer> timers) {
  Execution execution;
  std::sort(runs.begin(), runs.end(),
            [](const v1::TaskRun& a, const v1::TaskRun& b) { return a.number() < b.number(); });
  if (head.run_count() != static_cast<int64_t>(runs.size())) {
    return RowsContradict(head.id(), absl::StrFormat("its head counts %d task runs, %d are stored",
                                                     head.run_count(), runs.size()));
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    const v1::TaskRun& run = runs[i];
    if (run.number() != static_cast<int64_t>(i) || run.execution_id() != head.id()) {
      return RowsContradict(head.id(), absl::StrFormat("task run %d is missing", i));
    }
    if (run.parent() < -1 || run.parent() >= run.number()) {
      return RowsContradict(head.id(),
                            absl::StrFormat("task run %d has parent %d", i, run.parent()));
    }
    if (run.live() == IsTerminal(run.state()) || (run.live() && !head.live())) {
      return RowsContradict(head.id(), absl::StrFormat("task run %d is %s and live=%d", i,
                                                       v1::State_Name(run.state()), run.live()));
    }
    execution.PutRun(run);
  }
  for (v1::TaskRunPayload& row : run_payloads) {
    if (row.number() < 0 || row.number() >= execution.run_count()) {
      return RowsContradict(
          head.id(),
          absl::StrFormat("a payload of task run %d, which does not exist", row.number()));
    }
    execution.run_payloads_[{row.number(), row.kind()}] = std::move(row);
  }
  for (v1::Timer& row : timers) execution.timers_[{row.run(), row.kind()}] = std::move(row);
  execution.head_ = std::move(head);
  execution.payload_ = std::move(payload);
  return execution;
}

const v1::TaskRun* Execution::FindRun(int64_t number) const {
  return number >= 0 && number < run_count() ? runs_[number].get() : nullptr;
}

const v1::TaskRun* Execution::FindRun(std::string_view task_id, int64_t parent,
                                      std::string_view value) const {
  const auto found = by_key_.find(RunKeyHash(task_id, parent, value));
  if (found == by_key_.end()) return nullptr;
  for (const int64_t number : found->second) {
    const v1::TaskRun& run = *runs_[number];
    if (run.parent() == parent && run.task_id() == task_id && run.value() == value) return &run;
  }
  return nullptr;
}

const std::vector<int64_t>& Execution::Children(int64_t parent) const {
  const auto found = children_.find(parent);
  return found == children_.end() ? NoRuns() : found->second;
}

const v1::TaskRunPayload* Execution::FindRunPayload(int64_t number,
                                                    v1::TaskRunPayload::Kind kind) const {
  const auto found = run_payloads_.find({number, kind});
  return found == run_payloads_.end() ? nullptr : &found->second;
}

const std::vector<int64_t>& Execution::RunsOfTask(std::string_view task_id) const {
  const auto found = by_task_.find(std::string(task_id));
  return found == by_task_.end() ? NoRuns() : found->second;
}

const std::vector<std::string>& Execution::LoopValues(int64_t run) const {
  std::unique_ptr<const std::vector<std::string>>& values = decoded_.loop_values[run];
  if (values == nullptr) {
    const v1::TaskRunPayload* row = FindRunPayload(run, v1::TaskRunPayload::VALUES);
    values = std::make_unique<const std::vector<std::string>>(
        row == nullptr ? std::vector<std::string>() : DecodeLoopValues(row->body().utf8()));
  }
  return *values;
}

const expression::Value& Execution::inputs() const {
  if (!decoded_.inputs) decoded_.inputs = Decode(payload_.inputs());
  return *decoded_.inputs;
}

const expression::Value& Execution::variables() const {
  if (!decoded_.variables) decoded_.variables = Decode(payload_.variables());
  return *decoded_.variables;
}

const expression::Value& Execution::trigger_variables() const {
  if (!decoded_.trigger) decoded_.trigger = Decode(head_.trigger().variables());
  return *decoded_.trigger;
}

const FetchedFacts* Execution::facts(int64_t run) const {
  const auto found = facts_.find(run);
  return found == facts_.end() ? nullptr : &found->second;
}

void Execution::PutRun(const v1::TaskRun& run) {
  const int64_t number = run.number();
  if (number == run_count()) {
    runs_.push_back(std::make_unique<v1::TaskRun>(run));
    children_[run.parent()].push_back(number);
    std::vector<int64_t>& same_task = by_task_[run.task_id()];
    if (same_task.empty()) tasks_seen_.push_back(run.task_id());
    same_task.push_back(number);
    by_key_[RunKeyHash(run.task_id(), run.parent(), run.value())].push_back(number);
  } else {
    const v1::TaskRun& before = *runs_[number];
    const bool attempt_ended = before.has_lease() && !run.has_lease();
    const bool began = run.state() != v1::CREATED && !run.has_lease();
    if (attempt_ended || began) facts_.erase(number);
    *runs_[number] = run;
  }
  if (run.live()) {
    live_.insert(number);
  } else {
    live_.erase(number);
    facts_.erase(number);
    decoded_.loop_values.erase(number);
  }
  if (run.ready()) {
    ready_.insert(number);
  } else {
    ready_.erase(number);
  }
}

void Execution::Apply(const v1::Record& record) {
  const v1::Changes& changes = record.changes();
  if (changes.has_payload()) {
    payload_ = changes.payload();
    decoded_.inputs.reset();
    decoded_.variables.reset();
  }
  for (const v1::TaskRun& run : changes.runs()) PutRun(run);
  for (const v1::TaskRunPayload& row : changes.run_payloads()) {
    run_payloads_[{row.number(), row.kind()}] = row;
    decoded_.loop_values.erase(row.number());
  }
  for (const v1::Timer& timer : changes.timers()) timers_[{timer.run(), timer.kind()}] = timer;
  for (const v1::TimerKey& key : changes.timers_gone()) timers_.erase({key.run(), key.kind()});
  if (changes.has_head()) {
    head_ = changes.head();
    if (!head_.has_waiting()) facts_.erase(-1);
    decoded_.trigger.reset();
  }
}

}  // namespace orch::engine
