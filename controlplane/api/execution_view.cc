#include "controlplane/api/execution_view.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/status_macros.h"
#include "controlplane/api/errors.h"
#include "controlplane/engine/execution.h"

namespace orch::api {
namespace {

namespace rows = ::orch::store::v1;

constexpr int kReadCount = 1'000;

template <typename History>
void FillState(rows::State current, const History& history, int64_t created_micros,
               int64_t ended_micros, absl::Time now, v1::StateView* view) {
  view->set_current(current);
  for (const rows::HistoryEntry& entry : history) {
    v1::StateChange* change = view->add_histories();
    change->set_state(entry.state());
    change->mutable_date()->set_micros(entry.micros());
  }
  const int64_t start =
      created_micros != 0 ? created_micros : (history.empty() ? 0 : history[0].micros());
  if (start == 0) return;
  view->mutable_start_date()->set_micros(start);
  int64_t end = absl::ToUnixMicros(now);
  if (engine::IsTerminal(current)) {
    end = ended_micros != 0 ? ended_micros
                            : (history.empty() ? start : history[history.size() - 1].micros());
    view->mutable_end_date()->set_micros(end);
  }
  view->mutable_duration()->set_micros(std::max<int64_t>(0, end - start));
}

void CopyJson(const rows::Json& json, v1::Json* (v1::Execution::*field)(), v1::Execution* view) {
  if (!json.utf8().empty()) *(view->*field)() = json;
}

}  // namespace

v1::Execution ViewOf(const rows::ExecutionHead& head, const rows::ExecutionPayload& payload,
                     absl::Time now) {
  v1::Execution view;
  view.set_tenant_id(head.tenant());
  view.set_id(head.id());
  view.set_namespace_(head.namespace_());
  view.set_flow_id(head.flow_id());
  view.set_flow_revision(head.flow_revision());
  CopyJson(payload.inputs(), &v1::Execution::mutable_inputs, &view);
  CopyJson(payload.outputs(), &v1::Execution::mutable_outputs, &view);
  CopyJson(payload.variables(), &v1::Execution::mutable_variables, &view);
  *view.mutable_labels() = payload.labels();
  FillState(head.state(), head.history(), head.created_micros(), head.ended_micros(), now,
            view.mutable_state());
  view.set_parent_id(head.parent_id());
  view.set_original_id(head.original_id().empty() ? head.id() : head.original_id());
  if (head.has_trigger()) {
    v1::ExecutionTrigger* trigger = view.mutable_trigger();
    trigger->set_id(head.trigger().id());
    trigger->set_type(head.trigger().type());
    if (!head.trigger().variables().utf8().empty()) {
      *trigger->mutable_variables() = head.trigger().variables();
    }
  }
  view.mutable_metadata()->set_attempt_number(std::max(1, head.attempt_number()));
  view.mutable_metadata()->mutable_original_created_date()->set_micros(head.created_micros());
  if (head.schedule_micros() != 0) {
    view.mutable_schedule_date()->set_micros(head.schedule_micros());
  }
  view.set_kind("NORMAL");
  view.set_task_run_count(head.run_count());
  view.set_error(head.error());
  return view;
}

v1::TaskRunView ViewOf(const rows::ExecutionHead& head, const rows::TaskRun& run, absl::Time now) {
  v1::TaskRunView view;
  view.set_tenant_id(head.tenant());
  view.set_id(engine::RunId(head.id(), run.number()));
  view.set_execution_id(head.id());
  view.set_namespace_(head.namespace_());
  view.set_flow_id(head.flow_id());
  view.set_task_id(run.task_id());
  if (run.parent() >= 0) view.set_parent_task_run_id(engine::RunId(head.id(), run.parent()));
  if (run.has_value()) view.set_value(run.value());
  if (run.iteration() >= 0) view.set_iteration(run.iteration());
  view.set_dynamic(run.dynamic());
  for (const rows::Attempt& attempt : run.attempts()) {
    v1::AttemptView* shown = view.add_attempts();
    shown->set_worker_id(attempt.worker_id());
    std::vector<rows::HistoryEntry> history(2);
    history[0].set_state(rows::CREATED);
    history[0].set_micros(attempt.started_micros());
    history[1].set_state(rows::RUNNING);
    history[1].set_micros(attempt.started_micros());
    if (attempt.state() != rows::RUNNING && attempt.ended_micros() != 0) {
      history.emplace_back();
      history.back().set_state(attempt.state());
      history.back().set_micros(attempt.ended_micros());
    }
    FillState(attempt.state(), history, attempt.started_micros(), attempt.ended_micros(), now,
              shown->mutable_state());
  }
  if (!run.outputs().utf8().empty()) *view.mutable_outputs() = run.outputs();
  // Only the first of a whole history is when it was created.
  FillState(run.state(), run.history(), 0, 0, now, view.mutable_state());
  if (run.live() && run.has_waiting() && !run.waiting().reason().empty()) {
    view.mutable_waiting()->set_reason(run.waiting().reason());
    view.mutable_waiting()->mutable_since()->set_micros(run.waiting().since_micros());
  }
  if (run.has_branch()) {
    const rows::Tally& tally = run.branch().tally();
    v1::ChildCounts* counts = view.mutable_counts();
    counts->set_created(tally.created());
    counts->set_live(tally.live());
    counts->set_failed(tally.failed());
    counts->set_done(tally.done());
  }
  view.set_error(run.error());
  return view;
}

absl::Status JoinOutputs(store::Store& store, const rows::TaskRun& run, v1::TaskRunView* view) {
  if (!run.outputs_apart()) return absl::OkStatus();
  ORCH_ASSIGN_OR_RETURN(const auto payload, store.GetRunPayload(run.execution_id(), run.number(),
                                                                rows::TaskRunPayload::OUTPUTS));
  if (payload.has_value()) *view->mutable_outputs() = payload->body();
  return absl::OkStatus();
}

absl::StatusOr<rows::ExecutionHead> ReadHead(store::Store& store, const std::string& tenant,
                                             const std::string& execution_id) {
  absl::StatusOr<rows::ExecutionHead> head = store.GetHead(execution_id);
  if (absl::IsNotFound(head.status()) || (head.ok() && head->tenant() != tenant)) {
    return NoSuch("execution", execution_id);
  }
  return head;
}

absl::StatusOr<v1::Execution> ReadExecution(store::Store& store, const std::string& tenant,
                                            const std::string& execution_id, Runs runs,
                                            absl::Time now) {
  ORCH_ASSIGN_OR_RETURN(const rows::ExecutionHead head, ReadHead(store, tenant, execution_id));
  ORCH_ASSIGN_OR_RETURN(const rows::ExecutionPayload payload, store.GetPayload(execution_id));
  v1::Execution view = ViewOf(head, payload, now);
  if (runs == Runs::kNone) return view;

  std::map<int64_t, rows::TaskRun> shown;  // In order of creation.
  std::vector<rows::TaskRun> others;       // Settled well: the earliest, while there is room.
  for (int64_t first = 0;;) {
    ORCH_ASSIGN_OR_RETURN(std::vector<rows::TaskRun> page,
                          store.ListRuns(execution_id, first, kReadCount));
    if (page.empty()) break;
    first = page.back().number() + 1;
    const bool last = page.size() < static_cast<size_t>(kReadCount);
    for (rows::TaskRun& run : page) {
      const bool matters = run.live() || run.state() == rows::FAILED;
      if (matters && shown.size() < kShownRunCountMax) {
        const int64_t number = run.number();
        shown.emplace(number, std::move(run));
      } else if (!matters && others.size() < kShownRunCountMax) {
        others.push_back(std::move(run));
      }
    }
    if (last) break;
  }
  for (rows::TaskRun& run : others) {
    if (shown.size() == kShownRunCountMax) break;
    const int64_t number = run.number();
    shown.emplace(number, std::move(run));
  }
  for (const auto& [number, run] : shown) {
    v1::TaskRunView* added = view.add_task_run_list();
    *added = ViewOf(head, run, now);
    ORCH_RETURN_IF_ERROR(JoinOutputs(store, run, added));
  }
  return view;
}

}  // namespace orch::api
