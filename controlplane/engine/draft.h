// Draft is an execution with the changes of one step laid over it.
//
// Rows are copied when they are first changed; the execution below is never touched. In the end the
// draft gives its changed rows, each once. The cost of a draft is what it changed.
//
// Ownership   Keeps a pointer to the execution, which must outlive it. Rows that were handed out stay
//             where they are while the draft lives.
// Threads     Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/engine/execution.h"

namespace orch::engine {

class Draft {
 public:
  Draft(const Execution& base, absl::Time now, uint64_t seed)
      : base_(&base), now_(now), now_micros_(absl::ToUnixMicros(now)), seed_(seed) {}
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  const Execution& base() const { return *base_; }
  absl::Time now() const { return now_; }
  int64_t now_micros() const { return now_micros_; }
  uint64_t seed() const { return seed_; }

  const v1::ExecutionHead& head() const { return head_ ? *head_ : base_->head(); }
  v1::ExecutionHead& MutableHead();
  const v1::ExecutionPayload& payload() const { return payload_ ? *payload_ : base_->payload(); }
  v1::ExecutionPayload& MutablePayload();
  bool payload_changed() const { return payload_ != nullptr; }

  int64_t run_count() const { return base_->run_count() + created_count_; }
  const v1::TaskRun* FindRun(int64_t number) const;
  const v1::TaskRun* FindRun(std::string_view task_id, int64_t parent,
                             std::string_view value) const;
  v1::TaskRun& MutableRun(int64_t number);  // `number` must exist.
  // A new run with its identity and number filled in.
  v1::TaskRun& NewRun(std::string_view task_id, int64_t parent, std::string_view value,
                      bool has_value);
  // Of one task, those of this step last.
  std::vector<int64_t> RunsOfTask(std::string_view task_id) const;
  bool HasRunOfTask(std::string_view task_id) const;
  // Tasks that came alive, in order of their first run.
  std::vector<std::string> TasksSeen() const;

  const v1::TaskRunPayload* FindRunPayload(int64_t number, v1::TaskRunPayload::Kind kind) const;
  v1::TaskRunPayload& PutRunPayload(int64_t number, v1::TaskRunPayload::Kind kind,
                                    std::string json);
  const std::vector<std::string>& LoopValues(int64_t run) const;
  void PutLoopValues(int64_t run, std::vector<std::string> texts);

  // nullptr when there is none.
  const v1::Timer* FindTimer(int64_t run, v1::Timer::Kind kind) const;
  v1::Timer& PutTimer(int64_t run, v1::Timer::Kind kind, absl::Time due);
  void DropTimer(int64_t run, v1::Timer::Kind kind);

  // One line of the engine; split when it is longer than a stored line may be.
  void Log(int64_t run, int attempt, v1::LogLevel level, std::string_view text);

  // Rows of runs changed so far, and about how many bytes the changes take.
  int64_t changed_run_count() const { return static_cast<int64_t>(runs_.size()); }
  bool has_changed(int64_t run) const { return runs_.contains(run); }
  int64_t bytes() const { return bytes_; }
  void AddBytes(int64_t count) { bytes_ += count; }
  bool changed() const;

  // Ends the draft. The head is always among them when anything changed; its version is `number`.
  v1::Changes TakeChanges(int64_t number);

 private:
  const Execution* base_;
  absl::Time now_;
  int64_t now_micros_;
  uint64_t seed_;
  std::unique_ptr<v1::ExecutionHead> head_;
  std::unique_ptr<v1::ExecutionPayload> payload_;
  std::map<int64_t, std::unique_ptr<v1::TaskRun>> runs_;
  absl::flat_hash_map<uint64_t, absl::InlinedVector<int64_t, 1>> created_by_key_;
  absl::flat_hash_map<std::string, std::vector<int64_t>> created_by_task_;
  std::vector<std::string> created_tasks_;  // In order of their first run of this step.
  int64_t created_count_ = 0;
  std::map<std::pair<int64_t, int>, std::unique_ptr<v1::TaskRunPayload>> run_payloads_;
  std::map<int64_t, std::vector<std::string>> loop_values_;
  std::map<std::pair<int64_t, int>, std::optional<v1::Timer>> timers_;  // nullopt: gone.
  std::map<std::pair<int64_t, int>, v1::EngineLog> logs_;               // By run and attempt.
  int64_t bytes_ = 0;
};

}  // namespace orch::engine
