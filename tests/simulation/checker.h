// Checker holds every commit against the invariants, as it becomes durable.
//
// It keeps a shadow of the stored rows, made of nothing but committed batches, and of what was said
// outside (acknowledged creates, assignments, acks). The first violation stands in `violation()`; a world
// that has one is over.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controlplane/engine/execution.h"
#include "controlplane/store/store.h"
#include "orch/v1/rows.pb.h"
#include "orch/v1/worker.pb.h"

namespace orch::simulation {

namespace v1 = ::orch::v1;

class Checker {
 public:
  // A shard has a new owner: from now on nothing of an older epoch may be kept.
  void Taken(const store::Shard& shard);
  // A batch has just become durable.
  void Committed(const store::Batch& batch);

  // What was seen outside.
  void CreateAcknowledged(const std::string& execution_id);
  void KillAcknowledged(const std::string& execution_id);
  // A worker was given an attempt.
  void Assigned(const v1::Assign& assign);
  // A worker was told ACCEPTED.
  void Accepted(const v1::LeaseToken& token);
  // An attempt did its work once: `started` counts per token.
  void Started(const v1::LeaseToken& token);

  const std::string& violation() const { return violation_; }
  const std::map<std::string, v1::ExecutionHead>& heads() const { return heads_; }
  const v1::TaskRun* FindRun(const std::string& execution_id, int64_t number) const;
  std::vector<const v1::TaskRun*> Runs(const std::string& execution_id) const;
  const v1::ExecutionPayload* FindPayload(const std::string& execution_id) const;
  // A number that differs when anything committed differed.
  uint64_t hash() const { return hash_; }

 private:
  void Violate(const std::string& what);
  void CheckShards(const store::Batch& batch);
  void CheckHead(const v1::ExecutionHead& head);
  void CheckRun(const v1::TaskRun& run);
  void CheckRecords(const store::Batch& batch);
  void CheckTallies(const std::string& execution_id);

  std::string violation_;
  uint64_t hash_ = 0;
  std::map<int, std::pair<int64_t, int64_t>> shards_;  // epoch, sequence
  std::map<std::string, v1::ExecutionHead> heads_;
  std::map<std::string, v1::ExecutionPayload> payloads_;
  std::map<std::pair<std::string, int64_t>, v1::TaskRun> runs_;
  std::map<std::string, int64_t> record_numbers_;
  std::map<std::string, engine::Execution> folded_;
  std::set<std::string> killed_;                     // Executions with a committed kill.
  std::map<std::string, std::string> attempt_ends_;  // token -> state it ended in
  std::map<std::string, int> starts_;
  std::set<std::string> batches_;
};

}  // namespace orch::simulation
