// Requests are what people and programs ask of executions. Each is answered after its commit, so that
// what was acknowledged survives everything; the answer shows the execution as of that change or later.
//
// Threads     Thread-safe: a request may come from any thread; its answer is called on the strand and must
//             only hand over.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/flow/flow.h"
#include "orch/v1/rows.pb.h"

namespace orch::conductor {

namespace v1 = ::orch::v1;

// A start whose inputs have been resolved against the flow revision named here.
struct CreateRequest {
  std::string execution_id;  // Drawn by the caller (NewTimeId), so that a repeat is recognised.
  bool may_repeat = false;   // An earlier call under this id may have been carried out, its answer
                             // lost: look first. A fresh id needs no look.
  std::string tenant = "main";
  std::string namespace_;
  std::string flow_id;
  int flow_revision = 0;
  std::shared_ptr<const flow::Flow>
      flow;                       // That revision, where the caller has it; else it is read.
  std::string inputs_json;        // Object, "" when the flow has none.
  std::vector<v1::Label> labels;  // The caller's.
  std::optional<v1::Trigger> trigger;
  std::optional<absl::Time> schedule_at;
  std::string idempotency_key;  // "" for none.
  std::string request_digest;   // With the key: tells a repeat from a conflict.
  std::string principal;
};

// An execution in an answer or an update.
struct Snapshot {
  v1::ExecutionHead head;
  v1::ExecutionPayload payload;
};

struct Created {
  Snapshot snapshot;
  bool repeated = false;  // The idempotency key had been used for the same request.
};

class Requests {
 public:
  virtual ~Requests() = default;

  //   kAlreadyExists       the idempotency key was used with another body (409).
  //   kFailedPrecondition  the flow is disabled (409).    kNotFound  no such flow or revision.
  //   kUnavailable         no owner, or a takeover is under way: the same call again.
  //   kResourceExhausted   the store has no room: the same call again, later (503).
  virtual void Create(CreateRequest request, std::function<void(absl::StatusOr<Created>)> done) = 0;

  //   kNotFound            no such execution.
  //   kFailedPrecondition  it has ended, and cascade was not asked for (409).
  virtual void Kill(std::string execution_id, bool cascade, std::string principal,
                    std::function<void(absl::StatusOr<Snapshot>)> done) = 0;
};

// Update tells what a committed batch changed about one execution.
struct Update {
  Snapshot snapshot;  // As of this commit.
  bool payload_changed = false;
  std::vector<v1::TaskRun> runs;  // Those that changed.
  std::vector<v1::EngineLog> engine_logs;
  bool ended = false;
};

// Watch tells listeners about commits, as they become durable.
class Watch {
 public:
  using Id = int64_t;
  virtual ~Watch() = default;
  // Every update of one execution from now on, in order. Called on the strand; must only hand over.
  virtual Id Subscribe(std::string execution_id, std::function<void(const Update&)> listener) = 0;
  // After it returned the listener is not called any more.
  virtual void Unsubscribe(Id id) = 0;
};

}  // namespace orch::conductor
