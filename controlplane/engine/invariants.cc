#include "controlplane/engine/invariants.h"

#include <map>

#include "absl/strings/str_format.h"

namespace orch::engine {
namespace {

v1::Tally Recount(const Execution& execution, int64_t owner, bool main_list,
                  const v1::BranchState& branch) {
  v1::Tally tally;
  for (const int64_t number : execution.Children(owner)) {
    const v1::TaskRun& run = *execution.FindRun(number);
    if ((run.list() == "tasks") != main_list) continue;
    // The side tally is of the current list alone.
    if (!main_list && branch.list() == v1::BranchState::ERRORS && run.list() != "errors") continue;
    if (!main_list && branch.list() == v1::BranchState::FINALLY && run.list() != "finally")
      continue;
    if (!main_list && branch.list() == v1::BranchState::NONE) continue;
    tally.set_created(tally.created() + 1);
    switch (run.state()) {
      case v1::FAILED: tally.set_failed(tally.failed() + 1); break;
      case v1::WARNING: tally.set_warning(tally.warning() + 1); break;
      case v1::KILLED: tally.set_killed(tally.killed() + 1); break;
      case v1::SKIPPED: tally.set_skipped(tally.skipped() + 1); break;
      case v1::RUNNING:
      case v1::KILLING: tally.set_running(tally.running() + 1); break;
      case v1::PAUSED:
      case v1::RETRYING:
      case v1::BREAKPOINT: tally.set_paused(tally.paused() + 1); break;
      default: break;
    }
    if (run.live()) {
      tally.set_live(tally.live() + 1);
    } else {
      tally.set_done(tally.done() + 1);
    }
  }
  return tally;
}

absl::Status CheckOwner(const Execution& execution, int64_t owner, const v1::BranchState& branch) {
  for (const bool main_list : {true, false}) {
    const v1::Tally kept = main_list ? branch.tally() : branch.side_tally();
    const v1::Tally counted = Recount(execution, owner, main_list, branch);
    if (kept.SerializeAsString() != counted.SerializeAsString()) {
      return absl::InternalError(absl::StrFormat(
          "the %s tally of run %d is {%s}, counted {%s}", main_list ? "main" : "side", owner,
          kept.ShortDebugString(), counted.ShortDebugString()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckInvariants(const Execution& execution) {
  const v1::ExecutionHead& head = execution.head();
  if (absl::Status status = CheckOwner(execution, -1, head.branch()); !status.ok()) return status;
  if (head.run_count() != execution.run_count()) {
    return absl::InternalError(absl::StrFormat("the head counts %d runs, there are %d",
                                               head.run_count(), execution.run_count()));
  }
  if (head.live() == IsTerminal(head.state())) {
    return absl::InternalError("the head's `live` is not what its state says");
  }
  for (int64_t number = 0; number < execution.run_count(); ++number) {
    const v1::TaskRun& run = *execution.FindRun(number);
    if (run.live() == IsTerminal(run.state())) {
      return absl::InternalError(absl::StrFormat("run %d is %s and live=%d", number,
                                                 v1::State_Name(run.state()), run.live()));
    }
    if (run.live() && !head.live()) {
      return absl::InternalError(absl::StrFormat("run %d outlives its execution", number));
    }
    if (run.has_lease() != (run.state() == v1::KILLING || (run.has_lease() && run.live()))) {
      return absl::InternalError(
          absl::StrFormat("run %d has a lease in state %s", number, v1::State_Name(run.state())));
    }
    if (run.ready() && !head.continue_due()) {
      return absl::InternalError(
          absl::StrFormat("run %d is ready and no Continue is owed", number));
    }
    const bool sleeps = run.state() == v1::RETRYING || run.state() == v1::KILLING;
    if (sleeps && run.due_micros() == 0) {
      return absl::InternalError(
          absl::StrFormat("run %d waits for a timer that does not exist", number));
    }
    if (absl::Status status = CheckOwner(execution, number, run.branch()); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

}  // namespace orch::engine
