#include "tests/simulation/checker.h"

#include <functional>

#include "absl/strings/str_cat.h"
#include "base/hash.h"

namespace orch::simulation {

namespace {

bool MayFollow(v1::State from, v1::State to) {
  if (from == to) return true;
  switch (from) {
    case v1::CREATED: return true;
    case v1::RUNNING: return to != v1::QUEUED && to != v1::RESTARTED;
    case v1::PAUSED:
      return to == v1::RUNNING || to == v1::RESTARTED || to == v1::KILLING || to == v1::KILLED ||
             to == v1::FAILED || to == v1::SUCCESS || to == v1::WARNING || to == v1::CANCELLED;
    case v1::RESTARTED:
    case v1::QUEUED:
    case v1::RETRYING:
      return to == v1::RUNNING || to == v1::CREATED || to == v1::KILLING || to == v1::KILLED ||
             to == v1::FAILED || to == v1::CANCELLED;
    case v1::KILLING: return to == v1::KILLED;
    default: return false;  // Terminal.
  }
}

template <typename Row>
bool HistoryIsSound(const Row& row, std::string* why) {
  if (row.history_size() == 0) {
    *why = "a row without a history";
    return false;
  }
  if (row.history(row.history_size() - 1).state() != row.state()) {
    *why = "the last entry of the history is not the state";
    return false;
  }
  for (int i = 1; i < row.history_size(); ++i) {
    if (row.history(i).micros() < row.history(i - 1).micros()) {
      *why = "a history that goes back in time";
      return false;
    }
    if (!MayFollow(row.history(i - 1).state(), row.history(i).state())) {
      *why = absl::StrCat("from ", v1::State_Name(row.history(i - 1).state()), " to ",
                          v1::State_Name(row.history(i).state()));
      return false;
    }
  }
  return true;
}

}  // namespace

void Checker::Violate(const std::string& what) {
  if (violation_.empty()) violation_ = what;
}

const v1::TaskRun* Checker::FindRun(const std::string& execution_id, int64_t number) const {
  const auto found = runs_.find({execution_id, number});
  return found == runs_.end() ? nullptr : &found->second;
}

std::vector<const v1::TaskRun*> Checker::Runs(const std::string& execution_id) const {
  std::vector<const v1::TaskRun*> runs;
  for (auto it = runs_.lower_bound({execution_id, 0});
       it != runs_.end() && it->first.first == execution_id; ++it) {
    runs.push_back(&it->second);
  }
  return runs;
}

const v1::ExecutionPayload* Checker::FindPayload(const std::string& execution_id) const {
  const auto found = payloads_.find(execution_id);
  return found == payloads_.end() ? nullptr : &found->second;
}

void Checker::Committed(const store::Batch& batch) {
  CheckShards(batch);
  for (const v1::ExecutionHead& head : batch.rows.heads) CheckHead(head);
  for (const v1::TaskRun& run : batch.rows.runs) CheckRun(run);
  for (const v1::ExecutionPayload& payload : batch.rows.payloads) {
    payloads_[payload.execution_id()] = payload;
  }
  CheckRecords(batch);
  for (const v1::RecordRow& record : batch.rows.records) CheckTallies(record.aggregate());
}

void Checker::Taken(const store::Shard& shard) {
  auto [entry, is_new] = shards_.try_emplace(shard.id, shard.epoch, shard.sequence);
  entry->second.first = shard.epoch;
}

// 3: no commit carries an old epoch or skips a sequence; the same batch is kept once.
void Checker::CheckShards(const store::Batch& batch) {
  if (!batches_.insert(batch.id).second) Violate("a batch was kept twice: " + batch.id);
  for (const store::ShardClaim& claim : batch.claims) {
    auto [entry, is_new] = shards_.try_emplace(claim.shard, claim.epoch, 0);
    auto& [epoch, sequence] = entry->second;
    if (claim.epoch < epoch) Violate("invariant 3: a commit of an old epoch was kept");
    if (!is_new && claim.sequence != sequence + 1) {
      Violate(absl::StrCat("invariant 3: sequence ", sequence, " is followed by ", claim.sequence));
    }
    epoch = claim.epoch;
    sequence = claim.sequence;
  }
}

// 5: only listed state changes; a terminal execution changes in its next generation alone.
void Checker::CheckHead(const v1::ExecutionHead& head) {
  std::string why;
  if (!HistoryIsSound(head, &why)) Violate(absl::StrCat("invariant 5: ", head.id(), ": ", why));
  const auto found = heads_.find(head.id());
  if (found != heads_.end()) {
    const v1::ExecutionHead& old = found->second;
    if (head.generation() < old.generation() ||
        (head.generation() == old.generation() && engine::IsTerminal(old.state()) &&
         head.state() != old.state())) {
      Violate("invariant 5: an ended execution changed its state: " + head.id());
    }
    if (head.history_count() < old.history_count()) {
      Violate("invariant 5: a history was cut: " + head.id());
    }
    if (head.live() && !old.live() && head.generation() == old.generation()) {
      Violate("live may change once: " + head.id());
    }
  }
  if (head.live() == engine::IsTerminal(head.state())) {
    Violate(absl::StrCat("live and state disagree: ", head.id()));
  }
  if (head.state() == v1::KILLING || head.state() == v1::KILLED) killed_.insert(head.id());
  heads_[head.id()] = head;
}

// 2, 5, 10, 11: attempts end once, by their token; nothing starts below a kill.
void Checker::CheckRun(const v1::TaskRun& run) {
  const std::string id = absl::StrCat(run.execution_id(), "-", run.number());
  std::string why;
  if (!HistoryIsSound(run, &why)) Violate(absl::StrCat("invariant 5: run ", id, ": ", why));
  const auto found = runs_.find({run.execution_id(), run.number()});
  if (found != runs_.end()) {
    const v1::TaskRun& old = found->second;
    if (engine::IsTerminal(old.state()) && old.generation() == run.generation() &&
        old.state() != run.state()) {
      Violate(absl::StrCat("invariant 5: ended run ", id, " went from ",
                           v1::State_Name(old.state()), " to ", v1::State_Name(run.state())));
    }
    if (run.fence() < old.fence()) Violate("a fence went back: run " + id);
    if (run.has_lease() && old.has_lease() && run.lease().fence() == old.lease().fence() &&
        run.lease().attempt() != old.lease().attempt()) {
      Violate("invariant 2: one fence for two attempts: run " + id);
    }
    const bool was_killing = old.state() == v1::KILLING;
    if (was_killing && run.state() != v1::KILLING && run.state() != v1::KILLED) {
      Violate(
          absl::StrCat("invariant 10: killed run ", id, " became ", v1::State_Name(run.state())));
    }
  }
  if (run.has_lease() !=
      (run.live() && (run.state() == v1::RUNNING || run.state() == v1::KILLING) &&
       run.lease().fence() > 0)) {
    Violate("a lease on a run that is not held: run " + id);
  }
  const bool starts = run.has_lease() && run.state() == v1::RUNNING &&
                      (found == runs_.end() || !found->second.has_lease() ||
                       found->second.lease().fence() != run.lease().fence());
  if (starts) {
    const auto head = heads_.find(run.execution_id());
    if (head == heads_.end()) {
      Violate("a run without an execution: " + id);
    } else if (killed_.contains(run.execution_id()) || !head->second.live()) {
      Violate("invariant 10, 11: run " + id + " was leased below a kill or an end");
    }
  }
  runs_[{run.execution_id(), run.number()}] = run;
}

// 6: folding the recorded changes gives the stored state; record numbers have no gap.
void Checker::CheckRecords(const store::Batch& batch) {
  for (const v1::RecordRow& row : batch.rows.records) {
    const std::string& id = row.aggregate();
    if (!heads_.contains(id)) continue;  // Another kind of aggregate.
    int64_t& last = record_numbers_[id];
    if (row.first_number() != last + 1) {
      Violate(absl::StrCat("invariant 5: records of ", id, " go from ", last, " to ",
                           row.first_number()));
    }
    engine::Execution& folded = folded_[id];
    for (const v1::Record& record : row.records()) {
      if (record.number() != last + 1) Violate("invariant 5: a gap in the records of " + id);
      last = record.number();
      folded.Apply(record);
      hash_ = hash_ * 1099511628211ull + std::hash<std::string>()(record.SerializeAsString());
    }
    if (folded.head().SerializeAsString() != heads_[id].SerializeAsString()) {
      Violate("invariant 6: folding the records gives another head: " + id);
    }
  }
  for (const v1::TaskRun& run : batch.rows.runs) {
    const v1::TaskRun* folded = folded_[run.execution_id()].FindRun(run.number());
    if (folded == nullptr || folded->SerializeAsString() != run.SerializeAsString()) {
      Violate(absl::StrCat("invariant 6: folding the records gives another run: ",
                           run.execution_id(), "-", run.number()));
    }
  }
}

// Memory is a cache: the tallies of every container are what a count of its children gives.
void Checker::CheckTallies(const std::string& execution_id) {
  const auto head = heads_.find(execution_id);
  if (head == heads_.end()) return;
  std::map<std::pair<int64_t, bool>, v1::Tally> counted;
  for (const v1::TaskRun* run : Runs(execution_id)) {
    const bool side = !run->list().empty() && (run->list() == "errors" ||
                                               run->list() == "finally" || run->list() == "after");
    v1::Tally& tally = counted[{run->parent(), side}];
    tally.set_created(tally.created() + 1);
    if (run->live()) tally.set_live(tally.live() + 1);
    if (!run->live()) tally.set_done(tally.done() + 1);
    if (run->state() == v1::FAILED) tally.set_failed(tally.failed() + 1);
  }
  const auto check = [&](const v1::BranchState& branch, int64_t owner) {
    const v1::Tally& want = counted[{owner, false}];
    const v1::Tally& have = branch.tally();
    if (want.created() != have.created() || want.live() != have.live() ||
        want.done() != have.done() || want.failed() != have.failed()) {
      Violate(absl::StrCat("the tally of ", execution_id, "/", owner, " says created ",
                           have.created(), " live ", have.live(), " done ", have.done(), " failed ",
                           have.failed(), ", a count says ", want.created(), " ", want.live(), " ",
                           want.done(), " ", want.failed()));
    }
  };
  check(head->second.branch(), -1);
  for (const v1::TaskRun* run : Runs(execution_id)) {
    if (run->has_branch()) check(run->branch(), run->number());
  }
}

// 1 and 4: what was acknowledged is there.
void Checker::CreateAcknowledged(const std::string& execution_id) {
  if (!heads_.contains(execution_id)) {
    Violate("invariant 1, 4: a create was acknowledged before it was durable: " + execution_id);
  }
}

void Checker::KillAcknowledged(const std::string& execution_id) {
  const auto head = heads_.find(execution_id);
  if (head == heads_.end() || (head->second.state() != v1::KILLING && head->second.live())) {
    Violate("invariant 1, 4: a kill was acknowledged before it was durable: " + execution_id);
  }
}

// 4: nothing is seen outside before its commit. 11: no dispatch for what has ended by then.
void Checker::Assigned(const v1::Assign& assign) {
  const auto name = engine::ParseAttemptId(assign.token().attempt());
  if (!name.ok()) {
    Violate("an attempt id that cannot be read: " + assign.token().attempt());
    return;
  }
  const v1::TaskRun* run = FindRun(name->execution_id, name->number);
  if (run == nullptr || run->fence() < assign.token().fence()) {
    Violate("invariant 4: an attempt was assigned before its lease was durable: " +
            assign.token().attempt());
  }
}

void Checker::Started(const v1::LeaseToken& token) {
  const std::string key = absl::StrCat(token.attempt(), "#", token.fence());
  if (++starts_[key] > 1) Violate("an attempt was started twice: " + key);
}

// 2 and 4: an accepted result is durable, and it is the only end of its attempt.
void Checker::Accepted(const v1::LeaseToken& token) {
  const auto name = engine::ParseAttemptId(token.attempt());
  if (!name.ok()) return;
  const std::string key = absl::StrCat(token.attempt(), "#", token.fence());
  const v1::TaskRun* run = FindRun(name->execution_id, name->number);
  if (run == nullptr) {
    Violate("invariant 4: a result was accepted for a run that is not stored: " + key);
    return;
  }
  for (const v1::Attempt& attempt : run->attempts()) {
    if (attempt.number() != name->attempt) continue;
    if (attempt.state() == v1::RUNNING || attempt.state() == v1::RESUBMITTED ||
        attempt.state() == v1::KILLED) {
      Violate(absl::StrCat("invariant 2: ", key, " was accepted, but its attempt is ",
                           v1::State_Name(attempt.state())));
    }
  }
}

}  // namespace orch::simulation
