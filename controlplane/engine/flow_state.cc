#include "controlplane/engine/flow_state.h"

#include <optional>
#include <utility>

#include "base/hash.h"
#include "controlplane/engine/decide.h"

namespace orch::engine {
namespace {

// The row after the event; nullopt when it stays as it is.
std::optional<v1::FlowState> After(const v1::FlowState& state, const v1::Event& event) {
  v1::FlowState next = state;
  switch (event.kind_case()) {
    case v1::Event::kFlowSaved:
      if (event.flow_saved().revision() <= state.revision()) return std::nullopt;
      next.set_revision(event.flow_saved().revision());
      next.set_limit(event.flow_saved().limit());
      next.set_deleted(false);
      return next;
    case v1::Event::kFlowDeleted:
      if (event.flow_deleted().revision() <= state.revision()) return std::nullopt;
      next.set_revision(event.flow_deleted().revision());
      next.set_deleted(true);
      return next;
    case v1::Event::kExecutionCreated: {
      const v1::ExecutionCreated& created = event.execution_created();
      const bool is_ours = created.tenant() == state.tenant() &&
                           created.namespace_() == state.namespace_() &&
                           created.flow_id() == state.flow_id();
      if (!is_ours) return std::nullopt;
      next.set_execution_count(state.execution_count() + 1);
      return next;
    }
    // Slots are asked for only where a limit is enforced; all else happens to executions.
    case v1::Event::kSlotAsked:
    case v1::Event::kSlotReleased:
    case v1::Event::kSlotGranted:
    case v1::Event::kSlotRefused:
    case v1::Event::kTaskRunLeased:
    case v1::Event::kTaskRunEnded:
    case v1::Event::kLeaseExpired:
    case v1::Event::kLeaseReturned:
    case v1::Event::kTimerFired:
    case v1::Event::kChildEnded:
    case v1::Event::kKillRequested:
    case v1::Event::kFetched:
    case v1::Event::kContinue:
    case v1::Event::kStopConfirmed:
    case v1::Event::kRenderingFailed:
    case v1::Event::kLabelsChanged:
    case v1::Event::KIND_NOT_SET: break;
  }
  return std::nullopt;
}

}  // namespace

FlowAggregate::FlowAggregate(std::string_view tenant, std::string_view ns,
                             std::string_view flow_id) {
  state_.set_tenant(std::string(tenant));
  state_.set_namespace_(std::string(ns));
  state_.set_flow_id(std::string(flow_id));
  state_.set_bucket(BucketOf(tenant, ns, flow_id));
}

FlowAggregate::FlowAggregate(v1::FlowState state, const std::vector<v1::FlowSlot>& slots)
    : state_(std::move(state)) {
  for (const v1::FlowSlot& slot : slots) slots_[slot.execution_id()] = slot;
}

void FlowAggregate::Apply(const v1::Record& record) {
  const v1::Changes& changes = record.changes();
  if (changes.has_flow_state()) state_ = changes.flow_state();
  for (const v1::FlowSlot& gone : changes.slots_gone()) slots_.erase(gone.execution_id());
  for (const v1::FlowSlot& slot : changes.slots()) slots_[slot.execution_id()] = slot;
}

FlowStep DecideFlow(const FlowAggregate& flow, const v1::Event& event, absl::Time now,
                    uint64_t seed) {
  FlowStep step;
  v1::Record& record = step.record;
  record.set_number(flow.state().version() + 1);
  *record.mutable_cause() = event;
  record.set_now_micros(absl::ToUnixMicros(now));
  record.set_seed(seed);
  record.set_engine_version(kEngineVersion);
  std::optional<v1::FlowState> next = After(flow.state(), event);
  if (!next) return step;
  step.changed = true;
  next->set_version(record.number());
  *record.mutable_changes()->mutable_flow_state() = *std::move(next);
  return step;
}

}  // namespace orch::engine
