// Execution is one run of a flow in memory: exactly its rows, with indexes over them.
//
// It changes by Apply alone. Everything but the facts is in the rows: an execution that was read
// back decides as the one that was dropped. Indexes serve the cost rule: a step costs what it changes.
//
// Threads     Not thread-safe; lives on its shard's strand.
// Memory      A head, a payload, and a row per task that came alive; loop values as texts while their loop
//             is used; facts until their run moves on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/engine/names.h"
#include "expression/fact.h"
#include "expression/value.h"
#include "orch/v1/rows.pb.h"

namespace orch::engine {

namespace v1 = ::orch::v1;

bool IsTerminal(v1::State state);

// Facts of one run (or of the execution itself), as they were fetched. Not stored.
class FetchedFacts : public expression::Facts {
 public:
  void Put(std::string key, absl::StatusOr<expression::Value> answer);
  // A secret: its name and its value, for scrubbing. The answer is put as well, tainted.
  void PutSecret(std::string key, std::string name, expression::Value value);
  const absl::StatusOr<expression::Value>* Find(const expression::Fact& fact) const override;
  bool empty() const { return answers_.empty(); }
  size_t size() const { return answers_.size(); }
  const std::map<std::string, std::string>& secrets() const { return secrets_; }  // name -> value

 private:
  std::map<std::string, absl::StatusOr<expression::Value>> answers_;
  std::map<std::string, std::string> secrets_;
};

class Execution {
 public:
  Execution() = default;  // Nothing has happened yet: the first event is ExecutionCreated.

  // Rows as a store returned them, in any order. kDataLoss when they contradict each other.
  static absl::StatusOr<Execution> FromRows(v1::ExecutionHead head, v1::ExecutionPayload payload,
                                            std::vector<v1::TaskRun> runs,
                                            std::vector<v1::TaskRunPayload> run_payloads,
                                            std::vector<v1::Timer> timers);

  const v1::ExecutionHead& head() const { return head_; }
  const v1::ExecutionPayload& payload() const { return payload_; }
  int64_t run_count() const { return static_cast<int64_t>(runs_.size()); }
  // nullptr when there is none.
  const v1::TaskRun* FindRun(int64_t number) const;
  const v1::TaskRun* FindRun(std::string_view task_id, int64_t parent,
                             std::string_view value) const;
  // Numbers of the children of `parent` (-1: flow level), in order of creation.
  const std::vector<int64_t>& Children(int64_t parent) const;
  const v1::TaskRunPayload* FindRunPayload(int64_t number, v1::TaskRunPayload::Kind kind) const;
  const std::map<std::pair<int64_t, int>, v1::Timer>& timers() const { return timers_; }
  // All runs of one task, in order of creation.
  const std::vector<int64_t>& RunsOfTask(std::string_view task_id) const;
  // Tasks that came alive, in order of their first run.
  const std::vector<std::string>& tasks_seen() const { return tasks_seen_; }
  // Runs that are not terminal, and those of them that a slice left behind (TaskRun.ready).
  const std::set<int64_t>& live_runs() const { return live_; }
  const std::set<int64_t>& ready_runs() const { return ready_; }

  // Decoded on first use. Loop values of a loop's run (texts); the payload's JSON as values.
  const std::vector<std::string>& LoopValues(int64_t run) const;
  const expression::Value& inputs() const;
  const expression::Value& variables() const;
  const expression::Value& trigger_variables() const;

  const FetchedFacts* facts(int64_t run) const;  // -1: of the execution
  FetchedFacts& mutable_facts(int64_t run) { return facts_[run]; }
  void DropFacts(int64_t run) { facts_.erase(run); }

  // Folds rows into this execution: those of a record. A few dumb lines, for records of every release.
  // Facts of runs that moved on are dropped.
  void Apply(const v1::Record& record);

 private:
  void PutRun(const v1::TaskRun& run);

  // Decoded values, dropped when their row changes.
  struct Decoded {
    std::optional<expression::Value> inputs;
    std::optional<expression::Value> variables;
    std::optional<expression::Value> trigger;
    absl::flat_hash_map<int64_t, std::unique_ptr<const std::vector<std::string>>> loop_values;
  };

  v1::ExecutionHead head_;
  v1::ExecutionPayload payload_;
  std::vector<std::unique_ptr<v1::TaskRun>> runs_;  // By number; never null.
  std::map<std::pair<int64_t, int>, v1::TaskRunPayload> run_payloads_;
  std::map<std::pair<int64_t, int>, v1::Timer> timers_;
  absl::flat_hash_map<int64_t, std::vector<int64_t>> children_;
  absl::flat_hash_map<std::string, std::vector<int64_t>> by_task_;
  absl::flat_hash_map<uint64_t, absl::InlinedVector<int64_t, 1>> by_key_;  // By RunKeyHash.
  std::vector<std::string> tasks_seen_;
  std::set<int64_t> live_;
  std::set<int64_t> ready_;
  absl::flat_hash_map<int64_t, FetchedFacts> facts_;
  mutable Decoded decoded_;
};

// Identifies a run: its task, its parent and its value.
uint64_t RunKeyHash(std::string_view task_id, int64_t parent, std::string_view value);
// Texts of a stored list of loop values. Empty when it cannot be read.
std::vector<std::string> DecodeLoopValues(std::string_view json);

}  // namespace orch::engine
