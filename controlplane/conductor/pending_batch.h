// PendingBatch gathers what became dirty while the batch before it is under way.
//
// It remembers keys, not rows: when the batch is built, each dirty row is copied once, as it is
// then, so the last state wins and a row that changed ten times is written once. Records are
// kept whole, one row per execution and batch.
//
// Threads     Not thread-safe; lives on its strand.
// Memory      Bounded by the strand, which stops deciding when the batch is full.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "controlplane/engine/execution.h"
#include "controlplane/store/rows.h"
#include "orch/v1/rows.pb.h"

namespace orch::conductor {

namespace v1 = ::orch::v1;

inline constexpr int64_t kBatchRowCountMax = 4096;
inline constexpr int64_t kBatchBytesMax = 512 * 1024;

// What waits for a batch: done when it is durable, or failed when it never will be.
struct AfterCommit {
  std::function<void()> done;
  std::function<void(const absl::Status&)> failed;  // May be empty.
};

class PendingBatch {
 public:
  // Marks what a record changed. The record's rows must already be folded into the execution.
  void Add(const std::string& execution_id, v1::Record record);
  void AddIdempotencyKey(store::IdempotencyKey key);
  void AddAudit(v1::AuditRecord audit);
  // What became of a flow's state, with the records of it. Again for the same flow: the last wins.
  void AddFlowState(v1::FlowState state, std::vector<v1::FlowSlot> slots,
                    std::vector<v1::FlowSlot> slots_gone, v1::RecordRow record);
  // `bucket` is the receiver's.
  void AddMailGone(store::MailKey key, uint32_t bucket);
  void After(AfterCommit after) { after_.push_back(std::move(after)); }

  bool empty() const;
  bool full() const { return row_count_ >= kBatchRowCountMax || bytes_ >= kBatchBytesMax; }
  bool Holds(const std::string& execution_id) const { return dirty_.contains(execution_id); }
  int64_t row_count() const { return row_count_; }

  // Rows of everything that is dirty, read through `find`, which knows every execution in here.
  store::Rows Build(const std::function<const engine::Execution*(const std::string&)>& find);
  // Buckets of what is no execution's in it: its shards must be claimed as well.
  const std::set<uint32_t>& buckets() const { return buckets_; }
  // Ids of the executions in it, in the order in which they became dirty.
  const std::vector<std::string>& executions() const { return order_; }
  std::vector<AfterCommit> TakeAfter() { return std::move(after_); }

 private:
  struct Dirty {
    bool head = false;
    bool payload = false;
    std::set<int64_t> runs;
    std::set<std::pair<int64_t, int>> run_payloads;
    std::map<std::pair<int64_t, int>, std::optional<v1::Timer>> timers;  // nullopt: gone
    std::vector<v1::EngineLog> logs;
    std::vector<v1::Mail> mails;
    v1::RecordRow records;
  };

  absl::flat_hash_map<std::string, Dirty> dirty_;
  std::vector<std::string> order_;
  std::vector<store::IdempotencyKey> keys_;
  std::vector<v1::AuditRecord> audits_;
  std::map<std::string, v1::FlowState> flow_states_;
  // By flow and execution; whether it is there or gone.
  std::map<std::pair<std::string, std::string>, std::pair<v1::FlowSlot, bool>> slots_;
  std::vector<v1::RecordRow> flow_records_;
  std::vector<store::MailKey> mails_gone_;
  std::set<uint32_t> buckets_;
  std::vector<AfterCommit> after_;
  int64_t row_count_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace orch::conductor
