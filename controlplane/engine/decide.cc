#include "controlplane/engine/decide.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/engine/draft.h"
#include "controlplane/engine/stepper.h"

namespace orch::engine {
namespace {

// Whether deciding this record again may give something else, because facts that are not in the
// record took part.
bool DrewOnUnrecordedFacts(const Execution& execution, const v1::Event& event) {
  if (!event.has_fetched()) return false;
  for (const v1::FetchedFact& fact : event.fetched().facts()) {
    if (fact.secret()) return true;
  }
  const FetchedFacts* facts = execution.facts(event.fetched().run());
  return facts != nullptr && facts->size() > static_cast<size_t>(event.fetched().facts_size());
}

std::string PrincipalOf(const v1::Event& event) {
  if (event.has_execution_created()) return event.execution_created().principal();
  if (event.has_kill_requested()) return event.kill_requested().principal();
  if (event.has_labels_changed()) return event.labels_changed().principal();
  return "";
}

}  // namespace

Step Decide(const Execution& execution, const v1::Event& event, const flow::Flow& flow,
            const Environment& environment, absl::Time now, uint64_t seed) {
  Step step;
  v1::Record& record = step.record;
  record.set_number(execution.head().version() + 1);
  *record.mutable_cause() = event;
  record.set_now_micros(absl::ToUnixMicros(now));
  record.set_seed(seed);
  record.set_engine_version(kEngineVersion);
  record.set_principal(PrincipalOf(event));
  record.set_folded_only(DrewOnUnrecordedFacts(execution, event));

  auto draft = std::make_unique<Draft>(execution, now, seed);
  auto stepper = std::make_unique<Stepper>(draft.get(), flow, environment);
  stepper->Handle(event);
  stepper->Settle();
  if (!stepper->broken().empty()) {
    const std::string error = absl::StrCat("internal error: ", stepper->broken());
    stepper.reset();
    draft = std::make_unique<Draft>(execution, now, seed);
    stepper = std::make_unique<Stepper>(draft.get(), flow, environment);
    // With the event's own rows when it is what begins the execution.
    if (execution.head().id().empty()) stepper->Handle(event);
    stepper->Abort(error);
  }
  step.effects = stepper->effects();
  step.changed = draft->changed();
  if (step.changed) {
    const bool was_owed = execution.head().continue_due();
    step.continue_due = draft->head().continue_due() && (!was_owed || event.has_continue_());
    step.ended =
        !draft->head().live() && (execution.head().live() || execution.head().id().empty());
    *record.mutable_changes() = draft->TakeChanges(record.number());
  }
  return step;
}

std::vector<Effect> StandingOrders(const Execution& execution, const flow::Flow& flow,
                                   const Environment& environment) {
  std::vector<Effect> orders;
  const v1::ExecutionHead& head = execution.head();
  if (!head.live()) return orders;
  // An empty fetch is answered at once, and the evaluation then names its facts again.
  if (head.has_waiting()) orders.push_back(FetchFacts{-1, {}});
  const Draft draft(execution, absl::FromUnixMicros(head.created_micros()), 0);
  for (const int64_t number : execution.live_runs()) {
    const v1::TaskRun& run = *execution.FindRun(number);
    const flow::Task* task = flow.FindTask(run.task_id());
    if (run.state() == v1::KILLING && run.has_lease()) {
      orders.push_back(StopAttempt{number, run.lease().attempt(), run.lease().fence(),
                                   run.lease().session(), StopAttempt::Reason::kKilled});
    }
    if (run.state() != v1::CREATED || run.ready() || task == nullptr) continue;
    const bool under_kill = head.state() == v1::KILLING && number < head.kill_run_count();
    if (under_kill) continue;
    if (run.has_waiting()) {
      orders.push_back(FetchFacts{number, {}});
      continue;
    }
    if (task->place != flow::Place::kWorker && task->place != flow::Place::kSystem) continue;
    const Scope scope{&draft, &flow, &environment, number, true, expression::Value()};
    const QueueOutcome queue = QueueOf(scope, *task, run);
    if (const auto* name = std::get_if<std::string>(&queue)) {
      orders.push_back(OfferRun{number, *name, task->type});
    }
  }
  return orders;
}

}  // namespace orch::engine
