// Execution is one run of a flow in memory: exactly its rows, with indexes over them.
//
// It changes by Apply alone. Everything but the facts is in the rows: an execution that was read
// back decides as the one that was dropped. Indexes serve the cost rule: a step costs what it changes.
//
// Threads     Not thread-safe; lives on its shard's strand.
// Memory      A head, a payload, and a row per task that came alive; facts until their run moves on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "expression/fact.h"
#include "expression/value.h"
#include "orch/v1/rows.pb.h"

namespace orch::engine {

namespace v1 = ::orch::v1;

// "<execution id>-<number in base 36>", and back. ParseRunId refuses anything else.
std::string RunId(std::string_view execution_id, int64_t number);
struct RunName {
  std::string execution_id;
  int64_t number = 0;
};
absl::StatusOr<RunName> ParseRunId(std::string_view run_id);
// "<run id>/<attempt>", as LeaseToken.attempt.
std::string AttemptId(std::string_view execution_id, int64_t number, int attempt);
struct AttemptName {
  std::string execution_id;
  int64_t number = 0;
  int attempt = 0;
};
absl::StatusOr<AttemptName> ParseAttemptId(std::string_view attempt_id);

bool IsTerminal(v1::State state);

// Facts of one run (or of the execution itself), as they were fetched. Not stored.
class FetchedFacts : public expression::Facts {
 public:
  void Put(std::string key, absl::StatusOr<expression::Value> answer);
  const absl::StatusOr<expression::Value>* Find(const expression::Fact& fact) const override;
  bool empty() const { return answers_.empty(); }
  // Names of secrets among them, and their values, for scrubbing.
  void PutSecret(std::string key, std::string name, expression::Value value);
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
  const v1::TaskRun* FindRun(std::string_view task_id, int64_t parent, std::string_view value) const;
  // Numbers of the children of `parent` (-1: flow level), in order of creation.
  const std::vector<int64_t>& Children(int64_t parent) const;
  const v1::TaskRunPayload* FindRunPayload(int64_t number, v1::TaskRunPayload::Kind kind) const;
  const std::map<std::pair<int64_t, int>, v1::Timer>& timers() const { return timers_; }
  // All runs of one task, in order of creation.
  const std::vector<int64_t>& RunsOfTask(std::string_view task_id) const;

  const FetchedFacts* facts(int64_t run) const;        // -1: of the execution
  FetchedFacts& mutable_facts(int64_t run) { return facts_[run]; }
  void DropFacts(int64_t run) { facts_.erase(run); }

  // Folds rows into this execution: those of a record. A few dumb lines, for records of every release.
  void Apply(const v1::Record& record);

 private:
  v1::ExecutionHead head_;
  v1::ExecutionPayload payload_;
  std::vector<std::unique_ptr<v1::TaskRun>> runs_;     // By number; never null.
  std::map<std::pair<int64_t, int>, v1::TaskRunPayload> run_payloads_;
  std::map<std::pair<int64_t, int>, v1::Timer> timers_;
  absl::flat_hash_map<int64_t, std::vector<int64_t>> children_;
  absl::flat_hash_map<std::string, std::vector<int64_t>> by_task_;
  absl::flat_hash_map<int64_t, FetchedFacts> facts_;
};

}  // namespace orch::engine
