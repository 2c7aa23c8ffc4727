#include "controlplane/engine/draft.h"

#include <algorithm>

#include "expression/json.h"

namespace orch::engine {
namespace {

constexpr size_t kLineBytesMax = 10'240;

// Where to cut `text` so that no character is split; at most kLineBytesMax bytes.
size_t CutAt(std::string_view text) {
  if (text.size() <= kLineBytesMax) return text.size();
  size_t cut = kLineBytesMax;
  while (cut > kLineBytesMax - 4 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return cut;
}

}  // namespace

v1::ExecutionHead& Draft::MutableHead() {
  if (!head_) head_ = std::make_unique<v1::ExecutionHead>(base_->head());
  return *head_;
}

v1::ExecutionPayload& Draft::MutablePayload() {
  if (!payload_) {
    payload_ = std::make_unique<v1::ExecutionPayload>(base_->payload());
    bytes_ += static_cast<int64_t>(payload_->ByteSizeLong());
  }
  return *payload_;
}

const v1::TaskRun* Draft::FindRun(int64_t number) const {
  const auto found = runs_.find(number);
  return found != runs_.end() ? found->second.get() : base_->FindRun(number);
}

const v1::TaskRun* Draft::FindRun(std::string_view task_id, int64_t parent,
                                  std::string_view value) const {
  if (const v1::TaskRun* run = base_->FindRun(task_id, parent, value))
    return FindRun(run->number());
  if (created_by_key_.empty()) return nullptr;
  const auto found = created_by_key_.find(RunKeyHash(task_id, parent, value));
  if (found == created_by_key_.end()) return nullptr;
  for (const int64_t number : found->second) {
    const v1::TaskRun* run = FindRun(number);
    if (run->parent() == parent && run->task_id() == task_id && run->value() == value) return run;
  }
  return nullptr;
}

v1::TaskRun& Draft::MutableRun(int64_t number) {
  std::unique_ptr<v1::TaskRun>& row = runs_[number];
  if (!row) {
    row = std::make_unique<v1::TaskRun>(*base_->FindRun(number));
    bytes_ += static_cast<int64_t>(row->ByteSizeLong());
  }
  return *row;
}

v1::TaskRun& Draft::NewRun(std::string_view task_id, int64_t parent, std::string_view value,
                           bool has_value) {
  const int64_t number = run_count();
  ++created_count_;
  auto row = std::make_unique<v1::TaskRun>();
  row->set_execution_id(head().id());
  row->set_number(number);
  row->set_task_id(std::string(task_id));
  row->set_parent(parent);
  row->set_value(std::string(value));
  row->set_has_value(has_value);
  row->set_iteration(-1);
  row->set_generation(head().generation());
  created_by_key_[RunKeyHash(task_id, parent, value)].push_back(number);
  std::vector<int64_t>& same_task = created_by_task_[std::string(task_id)];
  if (same_task.empty()) created_tasks_.emplace_back(task_id);
  same_task.push_back(number);
  bytes_ += static_cast<int64_t>(row->ByteSizeLong()) + 64;
  MutableHead().set_run_count(run_count());
  return *(runs_[number] = std::move(row));
}

std::vector<int64_t> Draft::RunsOfTask(std::string_view task_id) const {
  std::vector<int64_t> numbers = base_->RunsOfTask(task_id);
  const auto found = created_by_task_.find(std::string(task_id));
  if (found != created_by_task_.end()) {
    numbers.insert(numbers.end(), found->second.begin(), found->second.end());
  }
  return numbers;
}

bool Draft::HasRunOfTask(std::string_view task_id) const {
  return !base_->RunsOfTask(task_id).empty() || created_by_task_.contains(std::string(task_id));
}

std::vector<std::string> Draft::TasksSeen() const {
  std::vector<std::string> seen = base_->tasks_seen();
  for (const std::string& task : created_tasks_) {
    if (base_->RunsOfTask(task).empty()) seen.push_back(task);
  }
  return seen;
}

const v1::TaskRunPayload* Draft::FindRunPayload(int64_t number,
                                                v1::TaskRunPayload::Kind kind) const {
  const auto found = run_payloads_.find({number, kind});
  return found != run_payloads_.end() ? found->second.get() : base_->FindRunPayload(number, kind);
}

v1::TaskRunPayload& Draft::PutRunPayload(int64_t number, v1::TaskRunPayload::Kind kind,
                                         std::string json) {
  auto row = std::make_unique<v1::TaskRunPayload>();
  row->set_execution_id(head().id());
  row->set_number(number);
  row->set_kind(kind);
  bytes_ += static_cast<int64_t>(json.size());
  row->mutable_body()->set_utf8(std::move(json));
  return *(run_payloads_[{number, kind}] = std::move(row));
}

const std::vector<std::string>& Draft::LoopValues(int64_t run) const {
  const auto found = loop_values_.find(run);
  return found != loop_values_.end() ? found->second : base_->LoopValues(run);
}

void Draft::PutLoopValues(int64_t run, std::vector<std::string> texts) {
  std::vector<expression::Value> items;
  items.reserve(texts.size());
  for (const std::string& text : texts) items.push_back(expression::Value::String(text));
  PutRunPayload(run, v1::TaskRunPayload::VALUES,
                expression::ToJson(expression::Value::List(std::move(items))));
  loop_values_[run] = std::move(texts);
}

const v1::Timer* Draft::FindTimer(int64_t run, v1::Timer::Kind kind) const {
  const auto found = timers_.find({run, kind});
  if (found != timers_.end()) return found->second ? &*found->second : nullptr;
  const auto stored = base_->timers().find({run, kind});
  return stored == base_->timers().end() ? nullptr : &stored->second;
}

v1::Timer& Draft::PutTimer(int64_t run, v1::Timer::Kind kind, absl::Time due) {
  v1::Timer timer;
  timer.set_execution_id(head().id());
  timer.set_run(run);
  timer.set_kind(kind);
  timer.set_due_micros(absl::ToUnixMicros(due));
  timer.set_generation(head().generation());
  timer.set_bucket(head().bucket());
  std::optional<v1::Timer>& slot = timers_[{run, kind}];
  slot = std::move(timer);
  return *slot;
}

void Draft::DropTimer(int64_t run, v1::Timer::Kind kind) {
  if (FindTimer(run, kind) == nullptr) return;
  if (base_->timers().contains({run, kind})) {
    timers_[{run, kind}] = std::nullopt;
  } else {
    timers_.erase({run, kind});
  }
}

void Draft::Log(int64_t run, int attempt, v1::LogLevel level, std::string_view text) {
  v1::EngineLog& log = logs_[{run, attempt}];
  log.set_execution_id(head().id());
  log.set_run(run);
  log.set_attempt(attempt);
  do {
    const size_t cut = CutAt(text);
    v1::EngineLogLine& line = *log.add_lines();
    line.set_micros(now_micros_);
    line.set_level(level);
    line.set_text(std::string(text.substr(0, cut)));
    bytes_ += static_cast<int64_t>(cut) + 16;
    text.remove_prefix(cut);
  } while (!text.empty());
}

bool Draft::changed() const {
  return head_ || payload_ || !runs_.empty() || !run_payloads_.empty() || !timers_.empty() ||
         !logs_.empty();
}

v1::Changes Draft::TakeChanges(int64_t number) {
  v1::Changes changes;
  if (!changed()) return changes;
  MutableHead().set_version(number);
  if (payload_) {
    head_->set_payload_version(number);
    *changes.mutable_payload() = std::move(*payload_);
  }
  *changes.mutable_head() = std::move(*head_);
  for (auto& [key, row] : runs_) *changes.add_runs() = std::move(*row);
  for (auto& [key, row] : run_payloads_) *changes.add_run_payloads() = std::move(*row);
  for (auto& [key, timer] : timers_) {
    if (timer) {
      *changes.add_timers() = std::move(*timer);
      continue;
    }
    v1::TimerKey& gone = *changes.add_timers_gone();
    gone.set_execution_id(changes.head().id());
    gone.set_run(key.first);
    gone.set_kind(static_cast<v1::Timer::Kind>(key.second));
  }
  for (auto& [key, log] : logs_) {
    log.set_sequence(number);
    *changes.add_logs() = std::move(log);
  }
  return changes;
}

}  // namespace orch::engine
