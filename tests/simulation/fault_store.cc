#include "tests/simulation/fault_store.h"

namespace orch::simulation {

using store::CommitResult;
using store::Refusal;
using store::Resolution;

absl::Duration FaultStore::Delay() {
  if (random_.Unit() < faults_.slow_rate) return absl::Seconds(4) * random_.Unit();
  return faults_.delay_max * random_.Unit();
}

// The store of the simulation answers at once.
CommitResult FaultStore::Keep(const std::shared_ptr<const store::Batch>& batch) {
  CommitResult kept;
  beneath_.Commit(batch, [&](CommitResult result) { kept = std::move(result); });
  if (kept.outcome == CommitResult::Outcome::kCommitted) checker_.Committed(*batch);
  if (kept.outcome == CommitResult::Outcome::kFenced) sometimes_.Reach("a batch was fenced");
  return kept;
}

void FaultStore::Commit(std::shared_ptr<const store::Batch> batch,
                        std::function<void(CommitResult)> done) {
  const double chance = random_.Unit();
  double limit = 0;
  const auto happens = [&](double rate, const char* name) {
    limit += rate;
    if (chance >= limit || chance < limit - rate) return false;
    sometimes_.Reach(name);
    return true;
  };
  const auto answer = [this, done](CommitResult result) {
    process_.PostAt(Delay(), [done, result = std::move(result)] { done(result); });
  };
  const auto refused = [](Refusal refusal) {
    CommitResult result;
    result.outcome = CommitResult::Outcome::kRefused;
    result.refusal = refusal;
    result.message = "refused by the simulation";
    return result;
  };
  CommitResult unknown;
  unknown.outcome = CommitResult::Outcome::kUnknown;
  unknown.message = "lost by the simulation";
  if (happens(faults_.conflict_rate, "a commit was refused: conflict")) {
    answer(refused(Refusal::kConflict));
  } else if (happens(faults_.no_room_rate, "a commit was refused: no room")) {
    answer(refused(Refusal::kNoRoom));
  } else if (happens(faults_.unknown_not_done_rate, "a commit was lost and had not happened")) {
    answer(unknown);
  } else if (happens(faults_.unknown_done_rate, "a commit was lost and had happened")) {
    Keep(batch);
    answer(unknown);
  } else if (happens(faults_.unknown_late_rate, "a commit was lost while still under way")) {
    // It becomes durable on its own, later, even if the process is gone by then.
    auto landed = std::make_shared<bool>(false);
    *under_way_ = [this, landed, batch] {
      if (std::exchange(*landed, true)) return;
      Keep(batch);
    };
    world_.PostAt(absl::Seconds(2) * random_.Unit(), *under_way_);
    answer(unknown);
  } else {
    // The server works on it, then the answer travels; the process may die in between.
    world_.PostAt(Delay(), [this, batch, done, alive = process_alive_] {
      CommitResult result = Keep(batch);
      if (!*alive) return;
      process_.PostAt(Delay(), [done, result = std::move(result)] { done(result); });
    });
  }
}

void FaultStore::Resolve(const store::Batch& batch, std::function<void(Resolution)> done) {
  process_.PostAt(Delay(), [this, batch, done] {
    if (random_.Unit() < faults_.unavailable_rate) {
      sometimes_.Reach("nobody answered what became of a commit");
      done(Resolution{});
      return;
    }
    // Looking waits for a COMMIT still under way, as SELECT … FOR UPDATE does.
    if (*under_way_) std::exchange(*under_way_, nullptr)();
    beneath_.Resolve(batch, done);
  });
}

}  // namespace orch::simulation
