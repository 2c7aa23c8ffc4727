// Stepper carries one event through a draft: first what the event itself means, then everything that
// follows from it, until nothing is due or the slice is full.
//
// Two kinds of work follow: a run that was created is started, and an owner of task lists (a container run, or
// the execution, -1) whose children changed looks for its next children or its end. Owners go first, so
// that all due children exist before any runs. What a full slice leaves over is marked in its row.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "controlplane/engine/decide.h"
#include "controlplane/engine/draft.h"
#include "controlplane/engine/evaluator.h"
#include "controlplane/flow/flow.h"

namespace orch::engine {

class Stepper {
 public:
  Stepper(Draft* draft, const flow::Flow& flow, const Environment& environment)
      : draft_(*draft), flow_(flow), environment_(environment) {}
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;

  void Handle(const v1::Event& event);
  // Follows up until nothing is due, or the slice is full.
  void Settle();

  const std::vector<Effect>& effects() const { return effects_; }
  // Why the draft must not be used: an invariant is broken. "" when all is well.
  const std::string& broken() const { return broken_; }
  // Ends the execution, and all that lives in it, as FAILED with `error`, whatever state it is in.
  void Abort(std::string_view error);

 private:
  enum class Soften { kNo, kYes };

  // stepper_events.cc: what each event means by itself.
  void OnCreated(const v1::ExecutionCreated& event);
  void OnLeased(const v1::TaskRunLeased& event);
  void OnEnded(const v1::TaskRunEnded& event);
  void OnLeaseExpired(const v1::LeaseExpired& event);
  void OnReturned(const v1::LeaseReturnedByWorker& event);
  void OnTimer(const v1::TimerFired& event);
  void OnKill(const v1::KillRequested& event);
  void OnFetched(const v1::Fetched& event);
  void OnContinue();
  void OnStopConfirmed(const v1::StopConfirmed& event);
  void OnRenderingFailed(const v1::RenderingFailed& event);
  void OnLabelsChanged(const v1::LabelsChanged& event);
  // The live run whose lease this is; nullptr when the lease is over.
  const v1::TaskRun* Holder(int64_t run, int attempt, uint64_t fence) const;
  void LoseAttempt(int64_t number, std::string_view why);
  void KillSome();
  void KillRun(const v1::TaskRun& run);

  // stepper_runs.cc: the life of one run.
  v1::TaskRun& NewChild(int64_t owner, const flow::Task& task, std::string_view list,
                        std::string_view value, bool has_value, int64_t iteration);
  void StartRun(int64_t number);
  void RunInline(int64_t number, const flow::Task& task);
  void BeginFlowable(int64_t number, const flow::Task& task);
  void BeginSleep(int64_t number, const flow::Task& task, const Evaluator& evaluator);
  void Offer(int64_t number, const flow::Task& task);
  v1::Attempt& BeginAttempt(v1::TaskRun& run);
  void EndAttempt(v1::TaskRun& run, v1::State state, std::string_view error);
  void Become(v1::TaskRun& run, v1::State state);
  void EndRun(int64_t number, v1::State state, Soften soften);
  void FailOrRetry(int64_t number, std::string_view code, std::string_view error);
  void FailRun(int64_t number, std::string_view error, Soften soften);
  bool StoreOutputs(v1::TaskRun& run, const expression::Value& outputs, std::string* error);
  // The run waits for facts; or an error when it has waited too long or for too many.
  std::optional<expression::Error> WaitForFacts(int64_t run, const expression::Need& need);
  void LogRun(const v1::TaskRun& run, v1::LogLevel level, std::string_view text,
              bool tainted = false);
  std::string Scrub(int64_t run, std::string_view text) const;
  bool UnderKill(int64_t run) const;
  Scope ScopeOf(int64_t run) const;

  // stepper_branches.cc: owners of task lists.
  void Advance(int64_t owner);
  bool AdvanceTasks(int64_t owner, const flow::Task* task);  // Whether its list is done.
  bool AdvanceSequence(int64_t owner, const flow::TaskList& list);
  bool AdvanceParallel(int64_t owner, const flow::Task& task, const flow::TaskList& list);
  bool AdvanceLoopSequence(int64_t owner, const flow::TaskList& list);
  bool AdvanceLoopParallel(int64_t owner, const flow::Task& task, const flow::TaskList& list);
  bool AdvanceLoopGroups(int64_t owner, const flow::Task& task, const flow::TaskList& list);
  void GroupChildEnded(const v1::TaskRun& child);
  bool AdvanceSide(int64_t owner, const flow::TaskList& list, std::string_view name);
  bool AdvanceDag(int64_t owner, const flow::Task& task, const flow::TaskList& list);
  void EndOwner(int64_t owner, const flow::Task* task, bool killed);
  void EndExecution(v1::State state);
  std::string StoreFlowOutputs(const expression::Value& values);  // Why not, "" when stored.
  void SetHeadState(v1::State state);
  const flow::TaskList* MainList(const flow::Task& task, const v1::BranchState& branch) const;
  const v1::BranchState& BranchOf(int64_t owner) const;
  v1::BranchState& MutableBranchOf(int64_t owner);
  void CreateLoopChild(int64_t owner, const flow::TaskList& list, int64_t flat_index);

  bool RoomToCreate(int64_t owner);
  bool RoomToStart(int64_t run) const;
  void Break(std::string_view what);

  Draft& draft_;
  const flow::Flow& flow_;
  const Environment& environment_;
  std::vector<Effect> effects_;
  std::set<int64_t> due_runs_;
  std::set<int64_t> due_owners_;
  std::set<int64_t> left_owners_;  // The slice was full when they had more to create.
  int64_t inline_count_ = 0;
  bool is_continue_ = false;
  bool more_ready_ = false;  // Ready rows of earlier slices were not even looked at.
  std::string broken_;
};

// The worker group whose queue the run waits in, or why it cannot be told.
using QueueOutcome = std::variant<std::string, expression::Error>;
QueueOutcome QueueOf(const Scope& scope, const flow::Task& task, const v1::TaskRun& run);

// A state on top of a history of which the last 20 entries are kept.
template <typename Row>
void PushState(Row& row, v1::State state, int64_t now_micros) {
  if (row.state() == state && row.history_count() > 0) return;
  row.set_state(state);
  v1::HistoryEntry& entry = *row.add_history();
  entry.set_state(state);
  entry.set_micros(now_micros);
  row.set_history_count(row.history_count() + 1);
  if (row.history_size() > 20) row.mutable_history()->DeleteSubrange(0, row.history_size() - 20);
}

// Why a sleeping run waits (Waiting.reason): to the end of its duration, or of a timeout that is shorter.
inline constexpr char kSleeps[] = "sleep";
inline constexpr char kSleepsToTimeout[] = "sleep, to its timeout";
inline constexpr char kWaitsForFacts[] = "facts";

// Adds `by` runs of a state to a tally.
void Count(v1::Tally& tally, v1::State state, int64_t by);

// Whether the task owns lists of tasks.
inline bool IsContainer(const flow::Task& task) {
  return task.place == flow::Place::kFlowable && task.flowable != flow::Flowable::kNone &&
         task.flowable != flow::Flowable::kSleep;
}

}  // namespace orch::engine
