// Strand is one line of decisions: an event in, a batch out, then effects.
//
// It owns shards and the live executions in them. Every event goes through the engine, what became
// dirty is committed as one batch, and only then do effects leave: assignments, acks, replies,
// updates. At most one batch is in flight; meanwhile the strand goes on deciding into the next.
//
// Invariant: what is outside (a reply, an Assign, an ack) was durable before it left. Memory equals
// the rows of the last committed batch plus what is dirty since.
//
// Time        `now` is the store's clock, carried on by boot time; it never goes back.
// Threads     Lives on its executor and starts no thread. Requests and Watch may be called from any
//             thread; they hand over.
// Ownership   Keeps references to what it is given, all of which must outlive it.
// Memory      The live executions, at most one full batch of dirty rows beside the one in flight, and at
//             most `work_count_max` waiting events; beyond, requests are refused.
// Durability  Everything that was acknowledged; see store/store.h.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "base/random.h"
#include "controlplane/conductor/dispatcher.h"
#include "controlplane/conductor/pending_batch.h"
#include "controlplane/conductor/ports.h"
#include "controlplane/conductor/ready_queue.h"
#include "controlplane/conductor/requests.h"
#include "controlplane/conductor/store_clock.h"
#include "controlplane/engine/decide.h"
#include "controlplane/engine/flow_state.h"
#include "controlplane/store/store.h"

namespace orch::conductor {

class Strand final : public Requests, public Watch, public LeaseEvents {
 public:
  struct Options {
    std::string owner;                             // This replica, unique for every process start.
    absl::Duration shard_ttl = absl::Seconds(10);  // Ownership without a commit; > 0
    int step_count_per_turn = 256;                 // Decisions before other work gets a turn.
    int64_t work_count_max = 100'000;              // Waiting events; beyond, requests are refused.
  };

  // What the strand has done, for metrics.
  struct Counts {
    int64_t steps = 0;
    int64_t batches = 0;
    int64_t rows = 0;
    int64_t refused = 0;
    int64_t unknown = 0;
    int64_t fenced = 0;
    int64_t executions_created = 0;
    int64_t executions_ended = 0;
    int64_t leases_granted = 0;
    int64_t results_accepted = 0;
    int64_t results_fenced = 0;
    int64_t live = 0;
    int64_t waiting = 0;
    int64_t quarantined = 0;
    bool ready = false;
  };

  // `background` runs what may block (loading, flows); it may be the same executor in a simulation.
  Strand(Options options, Clock& clock, Random& random, Executor& executor, Executor& background,
         store::Store& store, Flows& flows, FactSource& facts,
         const engine::Environment& environment);
  ~Strand() override;
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  // Once, before Start.
  void SetDispatcher(Dispatcher* dispatcher) { dispatcher_ = dispatcher; }

  // Takes shards and loads what lives in them, again and again until there are some.
  void Start();
  // Takes no more requests, lets the batch in flight end and calls `stopped`. Shards are given back.
  void Stop(std::function<void()> stopped);

  // Any thread.
  Counts counts() const;
  // Any thread. Mail was written for what lives here: it is read at once, not within a second.
  void Nudge();

  // Requests (any thread)
  void Create(CreateRequest request, std::function<void(absl::StatusOr<Created>)> done) override;
  void Kill(std::string execution_id, bool cascade, std::string principal,
            std::function<void(absl::StatusOr<Snapshot>)> done) override;

  // Watch (any thread; the listener is called on the strand)
  Id Subscribe(std::string execution_id, std::function<void(const Update&)> listener) override;
  void Unsubscribe(Id id) override;

  // LeaseEvents (on the strand)
  void SlotsFreed(const std::string& queue) override;
  Standing Judge(const v1::LeaseToken& token) const override;
  bool CanJudge() const override { return ready_; }
  void Ended(const std::string& session, const v1::Result& result, const Secrets& secrets) override;
  void Expired(const v1::LeaseToken& token) override;
  void Returned(const v1::LeaseToken& token, bool begun, const std::string& reason) override;
  void TimedOut(const v1::LeaseToken& token) override;

  // For tests and the simulation, on the strand: the live execution, nullptr when it is not in memory.
  const engine::Execution* Find(const std::string& execution_id) const;
  bool idle() const { return work_.empty() && pending_.empty() && !in_flight_.has_value(); }
  bool ready() const { return ready_; }
  absl::Time now() { return store_clock_.Now(); }

 private:
  struct Live {
    engine::Execution execution;
    std::shared_ptr<const flow::Flow> flow;
    absl::flat_hash_map<int64_t, int> fetching;  // Runs whose facts are under way: how many orders.
    bool ended = false;
  };
  struct Work {
    std::string execution_id;
    v1::Event event;
    // After the event was decided, with whether it changed anything; still before the commit.
    std::function<void(Live* live, bool changed)> decided;
  };
  struct InFlight {
    std::shared_ptr<const store::Batch> batch;
    std::vector<AfterCommit> after;
    std::vector<std::string> executions;
    absl::Duration asked_at;  // Boot time at which the store was last asked.
    int64_t order = 0;
  };
  struct Listener {
    std::string execution_id;
    std::function<void(const Update&)> listener;
  };
  struct Loaded {
    store::ExecutionRows rows;
    std::shared_ptr<const flow::Flow> flow;
  };
  using TimerKey = std::tuple<absl::Time, std::string, int64_t, int>;

  // strand.cc
  void Enqueue(std::string execution_id, v1::Event event,
               std::function<void(Live*, bool)> decided = nullptr);
  void SchedulePump();
  void Pump();
  bool Stalled() const;
  void Process(Work work);
  bool Step(const std::string& id, Live& live, const v1::Event& event);
  void Carry(const std::string& id, Live& live, std::vector<engine::Effect> effects);
  void KeepTimers(const std::string& id, const v1::Changes& changes);
  void ArmTimer();
  void FireTimers();
  void Fetch(const std::string& id, Live& live, engine::FetchFacts order);
  void Fetched(const std::string& id, int64_t run, std::vector<expression::Fact> facts,
               std::vector<absl::StatusOr<expression::Value>> answers);
  void Forget(const std::string& id);
  // Runs `done` once everything decided so far is durable.
  void AfterCommitOf(std::function<void()> done,
                     std::function<void(const absl::Status&)> failed = nullptr);

  // strand_commit.cc
  void MaybeCommit();
  void FinishEmpty();
  void SendBatch();
  void OnCommit(int64_t order, store::CommitResult result);
  void OnResolution(int64_t order, store::Resolution resolution);
  void Committed(absl::Time store_now);
  void Resolve();
  void Fenced(const std::string& why);
  void Quarantine(const std::string& why);
  void DropMemory(const absl::Status& why);
  void Publish(const store::Rows& rows);
  void KeepShards();

  // strand_load.cc
  void TakeShards();
  void Load(std::vector<store::Shard> shards);
  void AdoptLoaded(std::vector<Loaded> loaded);
  bool Owns(uint32_t bucket) const { return ShardOf(bucket) >= 0; }
  int ShardOf(uint32_t bucket) const;  // -1: not ours.
  absl::Status CanTake() const;
  void CreateHere(CreateRequest request, std::function<void(absl::StatusOr<Created>)> done);
  void StartExecution(CreateRequest request, std::function<void(absl::StatusOr<Created>)> done);
  void KillHere(std::string execution_id, bool cascade, std::string principal,
                std::function<void(absl::StatusOr<Snapshot>)> done);

  // strand_mail.cc
  struct MailPage;
  enum class Delivery { kDone, kKept, kLater };
  void ReadMail();
  void TakeMail(const MailPage& page);
  Delivery Deliver(const v1::Mail& mail, const MailPage& page,
                   std::map<std::string, engine::FlowAggregate>* flows);
  Delivery KeepMail(const v1::Mail& mail, std::string_view why);
  void MailTaken(bool more);
  void ForgetMail();

  void AnswerLateKill(const std::string& execution_id,
                      std::function<void(absl::StatusOr<Snapshot>)> done);

  // strand_leases.cc
  void Offer(const std::string& id, Live& live, const engine::OfferRun& offer);
  bool TryLease(const std::string& id, Live& live, int64_t run, const std::string& queue,
                const std::string& type);
  LeasedRun LeasedRow(const std::string& id, const Live& live, const v1::TaskRun& run) const;
  struct Held {
    Live* live = nullptr;
    std::string execution_id;
    const v1::TaskRun* run = nullptr;
  };
  // The run whose live lease the token names; run is nullptr when there is none.
  Held FindHeld(const v1::LeaseToken& token) const;
  void RememberAccepted(const v1::LeaseToken& token);
  // Seals outputs that hold the text of a secret. False when there is no key to seal with.
  bool SealOutputs(const Secrets& secrets, v1::TaskRunEnded* ended);
  void FetchSecrets(const LeasedRun& lease, const v1::ExecutionHead& head);

  const Options options_;
  Clock& clock_;
  Random& random_;
  Executor& executor_;
  Executor& background_;
  store::Store& store_;
  Flows& flows_;
  FactSource& facts_;
  const engine::Environment& environment_;
  Dispatcher* dispatcher_ = nullptr;
  StoreClock store_clock_;
  // Work that was handed to other executors asks it whether the strand is still there.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  bool ready_ = false;  // Shards are owned and loaded.
  bool stopping_ = false;
  bool no_room_ = false;  // The store refuses for lack of room or of a line.
  int64_t load_generation_ = 0;
  std::map<int, store::Shard> shards_;
  absl::flat_hash_map<std::string, std::unique_ptr<Live>> live_;
  absl::flat_hash_set<std::string> quarantined_;
  std::deque<Work> work_;
  bool pump_posted_ = false;
  PendingBatch pending_;
  std::optional<InFlight> in_flight_;
  int64_t batch_order_ = 0;
  std::map<int, absl::Duration>
      kept_at_;  // Boot time at which a shard's ownership was last extended.
  bool keep_due_ = false;
  ReadyQueue ready_queue_;
  std::set<std::string> starved_queues_;  // Had free slots while nothing could be decided.
  std::map<std::pair<std::string, int64_t>, std::pair<std::string, std::string>> awaiting_render_;
  std::set<TimerKey> timers_;
  std::map<std::tuple<std::string, int64_t, int>, absl::Time> timer_dues_;
  TimerId timer_ = kNoTimer;
  TimerId keep_timer_ = kNoTimer;
  TimerId retry_timer_ = kNoTimer;
  TimerId mail_timer_ = kNoTimer;
  bool mail_under_way_ = false;  // A page is being read, or what it asked for is not durable yet.
  bool mail_due_ = false;        // Somebody nudged meanwhile.
  bool mail_unreadable_ = false;
  std::set<std::tuple<std::string, std::string, int64_t>>
      mails_kept_;  // Told once, and left there.
  std::map<std::string, std::vector<std::function<void(absl::StatusOr<Created>)>>> keys_under_way_;
  std::deque<std::string> accepted_order_;
  absl::flat_hash_set<std::string> accepted_;
  std::function<void()> stopped_;

  mutable Mutex mutex_;
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  std::map<Id, Listener> listeners_ ABSL_GUARDED_BY(mutex_);
  std::multimap<std::string, Id> listeners_by_execution_ ABSL_GUARDED_BY(mutex_);
  Id next_listener_ ABSL_GUARDED_BY(mutex_) = 1;
};

}  // namespace orch::conductor
