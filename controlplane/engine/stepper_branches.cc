// Owners of task lists: their next children, and their end.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/engine/sealed.h"
#include "controlplane/engine/stepper.h"
#include "controlplane/flow/outputs.h"
#include "expression/json.h"

namespace orch::engine {
namespace {

using expression::Error;
using expression::MapBuilder;
using expression::Need;
using expression::Value;

bool HasEnabled(const flow::TaskList& list) {
  return std::any_of(list.begin(), list.end(), [](const auto& task) { return !task->disabled; });
}

const flow::TaskList& NoTasks() {
  static const flow::TaskList* const kNone = new flow::TaskList();
  return *kNone;
}

// Children that wait for a lease or for the engine.
int64_t Unleased(const v1::Tally& tally) { return tally.live() - tally.running() - tally.paused(); }

// Children that use a slot of their container: those that are suspended use none.
int64_t SlotsUsed(const v1::Tally& tally) { return tally.live() - tally.paused(); }

v1::State StateOf(const v1::Tally& tally) {
  if (tally.killed() > 0) return v1::KILLED;
  if (tally.failed() > 0) return v1::FAILED;
  if (tally.warning() > 0) return v1::WARNING;
  return v1::SUCCESS;
}

}  // namespace

const v1::BranchState& Stepper::BranchOf(int64_t owner) const {
  return owner < 0 ? draft_.head().branch() : draft_.FindRun(owner)->branch();
}

v1::BranchState& Stepper::MutableBranchOf(int64_t owner) {
  return owner < 0 ? *draft_.MutableHead().mutable_branch()
                   : *draft_.MutableRun(owner).mutable_branch();
}

const flow::TaskList* Stepper::MainList(const flow::Task& task,
                                        const v1::BranchState& branch) const {
  if (task.flowable == flow::Flowable::kIf) return task.FindBranch(branch.selected());
  if (task.flowable != flow::Flowable::kSwitch) return task.FindBranch("tasks");
  if (branch.selected().empty()) {
    return task.defaults_branch < 0 ? nullptr : &task.branches[task.defaults_branch].tasks;
  }
  for (int i = 0; i < static_cast<int>(task.branches.size()); ++i) {
    if (i != task.defaults_branch && task.branches[i].name == branch.selected()) {
      return &task.branches[i].tasks;
    }
  }
  return nullptr;
}

bool Stepper::RoomToCreate(int64_t owner) {
  if (draft_.changed_run_count() < kSliceRunCount && draft_.bytes() < kSliceBytes) return true;
  left_owners_.insert(owner);
  return false;
}

bool Stepper::RoomToStart(int64_t run) const {
  return inline_count_ < kSliceInlineTaskCount && draft_.bytes() < kSliceBytes &&
         (draft_.has_changed(run) || draft_.changed_run_count() < kSliceRunCount);
}

void Stepper::Break(std::string_view what) {
  if (broken_.empty()) broken_ = std::string(what);
}

void Stepper::Settle() {
  std::set<int64_t> left_runs;
  while (broken_.empty()) {
    if (!due_owners_.empty()) {
      const int64_t owner = *due_owners_.begin();
      due_owners_.erase(due_owners_.begin());
      Advance(owner);
    } else if (!due_runs_.empty()) {
      const int64_t run = *due_runs_.begin();
      due_runs_.erase(due_runs_.begin());
      if (RoomToStart(run)) {
        StartRun(run);
      } else {
        left_runs.insert(run);
      }
    } else {
      break;
    }
  }
  if (!draft_.changed() && !is_continue_) return;
  bool owed = more_ready_ || (!is_continue_ && draft_.head().continue_due());
  for (const int64_t number : left_runs) {
    owed = true;
    if (!draft_.FindRun(number)->ready()) draft_.MutableRun(number).set_ready(true);
  }
  for (const int64_t owner : left_owners_) {
    const v1::TaskRun* run = draft_.FindRun(owner);
    if (owner >= 0 && !run->live()) continue;
    owed = true;
    if (owner >= 0 && !run->ready()) draft_.MutableRun(owner).set_ready(true);
  }
  owed = owed || (draft_.head().state() == v1::KILLING &&
                  draft_.head().kill_cursor() < draft_.head().kill_run_count());
  owed = owed && draft_.head().live();
  if (owed != draft_.head().continue_due()) draft_.MutableHead().set_continue_due(owed);
}

void Stepper::Advance(int64_t owner) {
  left_owners_.erase(owner);
  const flow::Task* task = nullptr;
  if (owner < 0) {
    const v1::ExecutionHead& head = draft_.head();
    if (!head.live() || draft_.FindTimer(-1, v1::Timer::SCHEDULE) != nullptr) return;
  } else {
    const v1::TaskRun& run = *draft_.FindRun(owner);
    if (run.state() != v1::RUNNING) return;
    task = flow_.FindTask(run.task_id());
    if (task == nullptr || !IsContainer(*task)) {
      Break(absl::StrCat("task run ", owner, " has children and is no container"));
      return;
    }
    if (run.ready()) draft_.MutableRun(owner).set_ready(false);
  }
  const flow::TaskList& errors = task == nullptr ? flow_.errors : task->errors;
  const flow::TaskList& finally = task == nullptr ? flow_.finally : task->finally;
  const bool killed = draft_.head().state() == v1::KILLING && (owner < 0 || UnderKill(owner));
  const auto enter = [&](v1::BranchState::List list) {
    v1::BranchState& branch = MutableBranchOf(owner);
    branch.set_list(list);
    branch.set_next_index(0);
    branch.clear_side_tally();
    branch.clear_resumable();
  };
  // Lists follow one another: tasks, errors after a failure, finally.
  while (broken_.empty()) {
    const v1::BranchState& branch = BranchOf(owner);
    switch (branch.list()) {
      case v1::BranchState::TASKS: {
        if (killed) {
          if (branch.tally().live() > 0) return;
          // `finally` of what had begun runs, also while KILLING.
          enter(branch.tally().created() > 0 && HasEnabled(finally) ? v1::BranchState::FINALLY
                                                                    : v1::BranchState::NONE);
          continue;
        }
        const bool failed = branch.tally().failed() > 0;
        if (!failed && !AdvanceTasks(owner, task)) return;
        enter(failed && HasEnabled(errors) ? v1::BranchState::ERRORS
              : HasEnabled(finally)        ? v1::BranchState::FINALLY
                                           : v1::BranchState::NONE);
        continue;
      }
      case v1::BranchState::ERRORS:
        if (killed) {
          if (branch.side_tally().live() > 0 || branch.tally().live() > 0) return;
        } else if (!AdvanceSide(owner, errors, "errors")) {
          return;
        }
        enter(HasEnabled(finally) ? v1::BranchState::FINALLY : v1::BranchState::NONE);
        continue;
      case v1::BranchState::FINALLY:
        if (!AdvanceSide(owner, finally, "finally")) return;
        enter(v1::BranchState::NONE);
        continue;
      case v1::BranchState::AFTER_EXECUTION:
      case v1::BranchState::NONE:
        // Siblings of a failure that were created or running go on to their end.
        if (branch.tally().live() > 0 || branch.side_tally().live() > 0) return;
        EndOwner(owner, task, killed);
        return;
      default: Break(absl::StrCat("owner ", owner, " stands in an unknown list")); return;
    }
  }
}

bool Stepper::AdvanceTasks(int64_t owner, const flow::Task* task) {
  if (task == nullptr) return AdvanceSequence(owner, flow_.tasks);
  const flow::TaskList* found = MainList(*task, BranchOf(owner));
  const flow::TaskList& list = found == nullptr ? NoTasks() : *found;
  switch (task->flowable) {
    case flow::Flowable::kParallel: return AdvanceParallel(owner, *task, list);
    case flow::Flowable::kDag: return AdvanceDag(owner, *task, list);
    case flow::Flowable::kForEach:
      if (!HasEnabled(list)) return true;
      if (task->type == "flow.EachParallel") return AdvanceLoopParallel(owner, *task, list);
      if (task->type == "flow.EachSequential" || task->concurrency == 1) {
        return AdvanceLoopSequence(owner, list);
      }
      return AdvanceLoopGroups(owner, *task, list);
    case flow::Flowable::kSequential:
    case flow::Flowable::kIf:
    case flow::Flowable::kSwitch:
    case flow::Flowable::kAllowFailure: return AdvanceSequence(owner, list);
    case flow::Flowable::kSleep:
    case flow::Flowable::kNone: break;
  }
  Break(absl::StrCat("task '", task->id, "' owns no list"));
  return false;
}

bool Stepper::AdvanceSequence(int64_t owner, const flow::TaskList& list) {
  const v1::BranchState& branch = BranchOf(owner);
  if (branch.tally().live() > 0) return false;
  int64_t next = branch.next_index();
  const int64_t size = static_cast<int64_t>(list.size());
  while (next < size && list[next]->disabled) ++next;
  if (next >= size) return true;
  if (!RoomToCreate(owner)) return false;
  MutableBranchOf(owner).set_next_index(next + 1);
  NewChild(owner, *list[next], "tasks", "", false, -1);
  return false;
}

bool Stepper::AdvanceSide(int64_t owner, const flow::TaskList& list, std::string_view name) {
  const v1::BranchState& branch = BranchOf(owner);
  if (branch.side_tally().live() > 0) return false;
  int64_t next = branch.next_index();
  const int64_t size = static_cast<int64_t>(list.size());
  while (next < size && list[next]->disabled) ++next;
  if (next >= size) return true;
  if (!RoomToCreate(owner)) return false;
  MutableBranchOf(owner).set_next_index(next + 1);
  NewChild(owner, *list[next], name, "", false, -1);
  return false;
}

bool Stepper::AdvanceParallel(int64_t owner, const flow::Task& task, const flow::TaskList& list) {
  const int64_t size = static_cast<int64_t>(list.size());
  while (true) {
    const v1::BranchState& branch = BranchOf(owner);
    int64_t next = branch.next_index();
    while (next < size && list[next]->disabled) ++next;
    if (next >= size) return branch.tally().live() == 0;
    if (task.concurrency > 0 && SlotsUsed(branch.tally()) >= task.concurrency) return false;
    if (Unleased(branch.tally()) >= kUnleasedChildCountMax || !RoomToCreate(owner)) return false;
    MutableBranchOf(owner).set_next_index(next + 1);
    NewChild(owner, *list[next], "tasks", "", false, -1);
  }
}

bool Stepper::AdvanceDag(int64_t owner, const flow::Task& task, const flow::TaskList& list) {
  // A task of the list by its id; nullptr when it is disabled, and so ignored.
  const auto enabled = [&list](const std::string& id) {
    return std::any_of(list.begin(), list.end(),
                       [&id](const auto& each) { return each->id == id && !each->disabled; });
  };
  bool all_created = true;
  for (const auto& candidate : list) {
    if (candidate->disabled || draft_.FindRun(candidate->id, owner, "") != nullptr) continue;
    const auto needed = task.depends_on.find(candidate->id);
    const bool may_start =
        needed == task.depends_on.end() ||
        std::all_of(needed->second.begin(), needed->second.end(), [&](const std::string& id) {
          const v1::TaskRun* run = draft_.FindRun(id, owner, "");
          return !enabled(id) || (run != nullptr && !run->live());
        });
    const v1::Tally& tally = BranchOf(owner).tally();
    const bool has_slot = task.concurrency == 0 || SlotsUsed(tally) < task.concurrency;
    if (!may_start || !has_slot || Unleased(tally) >= kUnleasedChildCountMax ||
        !RoomToCreate(owner)) {
      all_created = false;
      continue;
    }
    NewChild(owner, *candidate, "tasks", "", false, -1);
  }
  const v1::Tally& tally = BranchOf(owner).tally();
  if (all_created) return tally.live() == 0;
  if (tally.live() == 0 && !left_owners_.contains(owner)) {
    Break(absl::StrCat("the tasks of '", task.id, "' wait for each other"));
  }
  return false;
}

void Stepper::CreateLoopChild(int64_t owner, const flow::TaskList& list, int64_t flat_index) {
  const int64_t width = static_cast<int64_t>(list.size());
  const int64_t iteration = flat_index / width;
  NewChild(owner, *list[flat_index % width], "tasks", draft_.LoopValues(owner)[iteration], true,
           iteration);
}

bool Stepper::AdvanceLoopSequence(int64_t owner, const flow::TaskList& list) {
  const v1::BranchState& branch = BranchOf(owner);
  if (branch.tally().live() > 0) return false;
  const int64_t width = static_cast<int64_t>(list.size());
  const int64_t size = branch.value_count() * width;
  int64_t next = branch.next_index();
  while (next < size && list[next % width]->disabled) ++next;
  if (next >= size) return true;
  if (!RoomToCreate(owner)) return false;
  MutableBranchOf(owner).set_next_index(next + 1);
  CreateLoopChild(owner, list, next);
  return false;
}

bool Stepper::AdvanceLoopParallel(int64_t owner, const flow::Task& task,
                                  const flow::TaskList& list) {
  const int64_t width = static_cast<int64_t>(list.size());
  while (true) {
    const v1::BranchState& branch = BranchOf(owner);
    const int64_t size = branch.value_count() * width;
    int64_t next = branch.next_index();
    while (next < size && list[next % width]->disabled) ++next;
    if (next >= size) return branch.tally().live() == 0;
    if (task.concurrency > 0 && SlotsUsed(branch.tally()) >= task.concurrency) return false;
    if (Unleased(branch.tally()) >= kUnleasedChildCountMax || !RoomToCreate(owner)) return false;
    MutableBranchOf(owner).set_next_index(next + 1);
    CreateLoopChild(owner, list, next);
  }
}

// Each value is a group: a sequence of its own. A group whose child ended is remembered by the flat index
// of its next child until that can be created; earlier values go first, then new groups begin.
bool Stepper::AdvanceLoopGroups(int64_t owner, const flow::Task& task, const flow::TaskList& list) {
  const int64_t width = static_cast<int64_t>(list.size());
  int64_t first = 0;
  while (list[first]->disabled) ++first;
  while (true) {
    const v1::BranchState& branch = BranchOf(owner);
    const bool resumes = branch.resumable_size() > 0;
    const bool begins = !resumes && branch.next_index() < branch.value_count() * width;
    if (!resumes && !begins) return branch.tally().live() == 0;
    if (task.concurrency > 0 && branch.tally().live() >= task.concurrency) return false;
    if (Unleased(branch.tally()) >= kUnleasedChildCountMax || !RoomToCreate(owner)) return false;
    v1::BranchState& row = MutableBranchOf(owner);
    if (resumes) {
      const int64_t next = row.resumable(0);
      row.mutable_resumable()->erase(row.resumable().begin());
      CreateLoopChild(owner, list, next);
    } else {
      const int64_t next = row.next_index() + first;
      row.set_next_index(row.next_index() + width);
      CreateLoopChild(owner, list, next);
    }
  }
}

void Stepper::GroupChildEnded(const v1::TaskRun& child) {
  if (child.parent() < 0 || !child.has_value() || child.list() != "tasks") return;
  const flow::Task* loop = flow_.FindTask(draft_.FindRun(child.parent())->task_id());
  if (loop == nullptr || loop->type != "flow.ForEach" || loop->concurrency == 1) return;
  const flow::TaskList& list = *loop->FindBranch("tasks");
  const int64_t width = static_cast<int64_t>(list.size());
  if (width == 1) return;
  int64_t at = 0;
  while (at < width && list[at]->id != child.task_id()) ++at;
  do ++at;
  while (at < width && list[at]->disabled);
  if (at >= width) return;
  auto& resumable = *MutableBranchOf(child.parent()).mutable_resumable();
  const int64_t next = child.iteration() * width + at;
  resumable.Add(next);
  for (int i = resumable.size() - 1; i > 0 && resumable[i - 1] > resumable[i]; --i) {
    resumable.SwapElements(i - 1, i);
  }
}

void Stepper::EndOwner(int64_t owner, const flow::Task* task, bool killed) {
  v1::State state = killed ? v1::KILLED : StateOf(BranchOf(owner).tally());
  if (owner < 0) {
    EndExecution(state);
    return;
  }
  if (task->flowable == flow::Flowable::kAllowFailure && state == v1::FAILED) state = v1::WARNING;
  v1::TaskRun& run = draft_.MutableRun(owner);
  EndAttempt(run, state, "");
  EndRun(owner, state, Soften::kYes);
}

void Stepper::SetHeadState(v1::State state) {
  v1::ExecutionHead& head = draft_.MutableHead();
  PushState(head, state, draft_.now_micros());
  if (state == v1::RUNNING && head.started_micros() == 0) {
    head.set_started_micros(draft_.now_micros());
  }
}

void Stepper::EndExecution(v1::State state) {
  std::string error;
  if (!flow_.outputs.empty()) {
    const bool waited = draft_.head().has_waiting();
    const v1::Waiting waiting = draft_.head().waiting();
    const Evaluator evaluator(ScopeOf(-1),
                              waited ? absl::FromUnixMicros(waiting.since_micros()) : draft_.now(),
                              waited ? waiting.seed() : draft_.seed());
    flow::OutputsOutcome outcome =
        flow::ResolveOutputs(flow_.outputs, *environment_.renderer, evaluator.Context("outputs"));
    if (auto* need = std::get_if<Need>(&outcome)) {
      // A kill does not wait for what its outputs would need.
      std::optional<Error> fault =
          state == v1::KILLED ? Error{Error::Code::kEval, "they need what would have to be fetched"}
                              : WaitForFacts(-1, *need);
      if (!fault) return;
      outcome = *std::move(fault);
    }
    if (auto* fault = std::get_if<Error>(&outcome)) {
      error = Scrub(-1, fault->message);
    } else {
      flow::ResolvedOutputs& resolved = std::get<flow::ResolvedOutputs>(outcome);
      for (const std::string& warning : resolved.warnings) {
        draft_.Log(-1, 0, v1::WARN, Scrub(-1, warning));
      }
      error = StoreFlowOutputs(resolved.values);
    }
  }
  SetHeadState(state);
  v1::ExecutionHead& head = draft_.MutableHead();
  if (!error.empty()) {
    const std::string text = absl::StrCat("Failed to render output values: ", error);
    draft_.Log(-1, 0, state == v1::KILLED ? v1::WARN : v1::ERROR, text);
    if (state != v1::KILLED) {
      SetHeadState(v1::FAILED);
      head.set_error(text);
    }
  }
  head.clear_waiting();
  head.set_live(false);
  head.set_continue_due(false);
  head.set_ended_micros(draft_.now_micros());
}

std::string Stepper::StoreFlowOutputs(const Value& values) {
  MapBuilder stored;
  for (const expression::MapEntry& entry : values.entries()) {
    const bool secret = std::any_of(flow_.outputs.begin(), flow_.outputs.end(),
                                    [&entry](const flow::Output& output) {
                                      return output.type == "SECRET" && entry.key.is_string() &&
                                             output.id == entry.key.AsString();
                                    });
    if (entry.value.is_null() || !(secret || entry.value.AnyTainted())) {
      stored.Set(entry.key, entry.value);
      continue;
    }
    absl::StatusOr<Value> sealed =
        SealWhole(entry.value, environment_.sealer,
                  PropertySeed(draft_.seed(), -1, absl::StrCat("seal/", stored.size())));
    if (!sealed.ok()) return std::string(sealed.status().message());
    stored.Set(entry.key, *std::move(sealed));
  }
  std::string json = expression::ToJson(stored.Build());
  if (static_cast<int64_t>(json.size()) > kOutputBytesMax) {
    return absl::StrCat("the outputs are larger than ", kOutputBytesMax, " bytes");
  }
  draft_.MutablePayload().mutable_outputs()->set_utf8(std::move(json));
  return "";
}

void Stepper::Abort(std::string_view error) {
  for (const int64_t number : draft_.base().live_runs()) {
    v1::TaskRun& run = draft_.MutableRun(number);
    if (run.has_lease()) {
      effects_.push_back(StopAttempt{number, run.lease().attempt(), run.lease().fence(),
                                     run.lease().session(), StopAttempt::Reason::kKilled});
    }
    EndAttempt(run, v1::KILLED, "");
    EndRun(number, v1::KILLED, Soften::kNo);
  }
  draft_.Log(-1, 0, v1::ERROR, error);
  SetHeadState(v1::FAILED);
  v1::ExecutionHead& head = draft_.MutableHead();
  head.set_error(std::string(error));
  head.clear_waiting();
  head.set_live(false);
  head.set_continue_due(false);
  head.set_ended_micros(draft_.now_micros());
}

}  // namespace orch::engine
