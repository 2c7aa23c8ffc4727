#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/manual_clock.h"
#include "base/random.h"
#include "base/status_matchers.h"
#include "controlplane/conductor/strand.h"
#include "controlplane/store/columns.h"
#include "controlplane/store/faulty_store.h"
#include "controlplane/store/simulated_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::conductor {
namespace {

using store::CommitFault;

// Runs what is due, in order of time and then of posting, and moves the clock to it.
class ManualExecutor final : public Executor {
 public:
  explicit ManualExecutor(ManualClock& clock) : clock_(clock) {}

  void Post(std::function<void()> work) override { PostAt(absl::ZeroDuration(), std::move(work)); }
  TimerId PostAt(absl::Duration delay, std::function<void()> work) override {
    const absl::Duration due = clock_.Boottime() + std::max(delay, absl::ZeroDuration());
    queue_[{due, ++last_}] = std::move(work);
    return last_;
  }
  bool Cancel(TimerId timer) override {
    return std::erase_if(queue_, [&](const auto& entry) { return entry.first.second == timer; });
  }
  void RunFor(absl::Duration span) {
    const absl::Duration until = clock_.Boottime() + span;
    while (!queue_.empty() && queue_.begin()->first.first <= until) {
      auto next = queue_.extract(queue_.begin());
      clock_.Advance(std::max(next.key().first - clock_.Boottime(), absl::ZeroDuration()));
      next.mapped()();
    }
    clock_.Advance(std::max(until - clock_.Boottime(), absl::ZeroDuration()));
  }

 private:
  ManualClock& clock_;
  TimerId last_ = 0;
  std::map<std::pair<absl::Duration, TimerId>, std::function<void()>> queue_;
};

// No worker is there, and no execution wants one.
class NoDispatcher final : public Dispatcher {
 public:
  std::optional<Slot> Reserve(const std::string&, const std::string&) override { return {}; }
  void Cancel(const Slot&) override {}
  void Grant(const Slot&, const LeasedRun&) override {}
  void Assign(const std::string&, v1::Assign) override {}
  void Stop(const std::string&, const v1::LeaseToken&, v1::Stop::Reason) override {}
  void Ack(const std::string&, const v1::LeaseToken&, v1::Ack::Word, const std::string&) override {}
  void Release(const v1::LeaseToken&) override {}
  void Load(const std::vector<LeasedRun>&) override {}
  void SetSecrets(const v1::LeaseToken&, std::optional<std::vector<std::string>>) override {}
  void Forget() override {}
  std::string WhyWaiting(const std::string&, const std::string&) const override { return ""; }
};

class NoFlows final : public Flows {
 public:
  absl::StatusOr<std::shared_ptr<const flow::Flow>> Get(const std::string&, const std::string&,
                                                        const std::string&, int) override {
    return absl::NotFoundError("no flow");
  }
};

class NoFacts final : public FactSource {
 public:
  void Fetch(const FactPlace&, const std::vector<expression::Fact>&,
             std::function<void(std::vector<absl::StatusOr<expression::Value>>)>) override {}
};

v1::Mail MailTo(const std::string& flow_id, int revision) {
  v1::Mail mail;
  mail.set_receiver(store::FlowAddress("main", "acme", flow_id));
  mail.set_receiver_bucket(BucketOf("main", "acme", flow_id));
  mail.set_sender("catalog");
  mail.set_sequence(revision);
  return mail;
}

v1::Mail Saved(const std::string& flow_id, int revision, int limit = 0) {
  v1::Mail mail = MailTo(flow_id, revision);
  mail.mutable_event()->mutable_flow_saved()->set_revision(revision);
  mail.mutable_event()->mutable_flow_saved()->set_limit(limit);
  return mail;
}

v1::Mail Deleted(const std::string& flow_id, int revision) {
  v1::Mail mail = MailTo(flow_id, revision);
  mail.mutable_event()->mutable_flow_deleted()->set_revision(revision);
  return mail;
}

class StrandMailTest : public testing::Test {
 protected:
  StrandMailTest() {
    strand_.SetDispatcher(&dispatcher_);
    simulated_.OnCommitted([this](const store::Batch& batch) {
      if (!batch.rows.empty()) batches_.push_back(batch);
    });
  }

  void Start() {
    strand_.Start();
    executor_.RunFor(absl::Milliseconds(1));
    ASSERT_TRUE(strand_.ready());
  }
  void Send(std::vector<v1::Mail> mails) {
    ASSERT_THAT(simulated_.Write({.mails = std::move(mails)}), IsOk());
  }
  size_t MailCount() { return simulated_.Mails(0, 65535, 10'000)->size(); }
  std::vector<v1::Record> Records(const std::string& flow_id) {
    return *simulated_.ListRecords(store::FlowAddress("main", "acme", flow_id), 1, 1000);
  }
  std::string State(const std::string& flow_id) {
    const auto rows = *simulated_.LoadFlowState("main", "acme", flow_id);
    if (!rows) return "none";
    return "revision " + std::to_string(rows->state.revision()) + ", limit " +
           std::to_string(rows->state.limit()) + (rows->state.deleted() ? ", deleted" : "");
  }

  ManualClock clock_;
  SeededRandom random_{1};
  ManualExecutor executor_{clock_};
  store::SimulatedStore simulated_{clock_, nullptr, /*shard_count=*/4};
  store::FaultyStore store_{simulated_, &executor_, random_};
  NoDispatcher dispatcher_;
  NoFlows flows_;
  NoFacts facts_;
  engine::Environment environment_;
  std::vector<store::Batch> batches_;
  Strand strand_{
      {.owner = "replica"}, clock_, random_, executor_, executor_, store_, flows_, facts_,
      environment_};
};

TEST_F(StrandMailTest, MailThatWaitedIsReadWithTheShards) {
  Send({Saved("f", 1, 3)});
  Start();
  EXPECT_EQ(State("f"), "revision 1, limit 3");
  EXPECT_EQ(MailCount(), 0u);
}

TEST_F(StrandMailTest, MailIsReadWithinASecond) {
  Start();
  executor_.RunFor(absl::Seconds(7));
  Send({Saved("f", 1)});
  executor_.RunFor(absl::Seconds(1));
  EXPECT_EQ(State("f"), "revision 1, limit 0");
}

TEST_F(StrandMailTest, ANudgeReadsItAtOnce) {
  Start();
  Send({Saved("f", 1)});
  EXPECT_EQ(State("f"), "none");
  strand_.Nudge();
  strand_.Nudge();
  executor_.RunFor(absl::Milliseconds(1));
  EXPECT_EQ(State("f"), "revision 1, limit 0");
}

TEST_F(StrandMailTest, MailIsDecidedInOrderAndGoesInTheBatchOfWhatItChanged) {
  Start();
  Send({Saved("f", 3, 4), Saved("f", 1), Deleted("f", 2), Saved("g", 1)});
  strand_.Nudge();
  executor_.RunFor(absl::Milliseconds(1));
  EXPECT_EQ(State("f"), "revision 3, limit 4");
  EXPECT_EQ(State("g"), "revision 1, limit 0");
  ASSERT_EQ(batches_.size(), 1u);
  EXPECT_EQ(batches_[0].rows.mails_gone.size(), 4u);
  EXPECT_EQ(batches_[0].rows.flow_states.size(), 2u);
  // The shards of both flows are claimed.
  const auto shards = *simulated_.TakeShards("replica", absl::Seconds(10));
  for (const v1::FlowState& state : batches_[0].rows.flow_states) {
    EXPECT_TRUE(std::any_of(batches_[0].claims.begin(), batches_[0].claims.end(),
                            [&](const store::ShardClaim& claim) {
                              const store::Shard& shard = shards[static_cast<size_t>(claim.shard)];
                              return state.bucket() >= shard.bucket_first &&
                                     state.bucket() <= shard.bucket_last;
                            }))
        << state.flow_id();
  }
  // Folding what was recorded gives what is stored.
  engine::FlowAggregate folded;
  for (const v1::Record& record : Records("f")) folded.Apply(record);
  EXPECT_EQ(Records("f").size(), 3u);
  EXPECT_EQ(folded.state().SerializeAsString(),
            (*simulated_.LoadFlowState("main", "acme", "f"))->state.SerializeAsString());
}

TEST_F(StrandMailTest, MailThatComesLateChangesNothingAndGoes) {
  Start();
  Send({Saved("f", 5)});
  executor_.RunFor(absl::Seconds(2));
  Send({Deleted("f", 4)});
  executor_.RunFor(absl::Seconds(2));
  EXPECT_EQ(State("f"), "revision 5, limit 0");
  EXPECT_EQ(Records("f").size(), 1u);
  EXPECT_EQ(MailCount(), 0u);
}

TEST_F(StrandMailTest, WhatCannotBeDeliveredIsKeptAndTheRestGoesOn) {
  Start();
  v1::Mail no_event = MailTo("f", 1);
  v1::Mail astray = Saved("f", 2);
  astray.set_receiver_bucket(astray.receiver_bucket() ^ 1);
  v1::Mail nameless = Saved("f", 3);
  nameless.set_receiver("flow/main/acme");
  std::vector<v1::Mail> mails = {no_event, astray, nameless, Saved("f", 4)};
  // More than fit into a page, and all before the one that can be delivered.
  for (int i = 0; i < 600; ++i) {
    mails.push_back(Saved("f", i));
    mails.back().set_receiver("execution/" + std::to_string(i));
  }
  Send(mails);
  strand_.Nudge();
  executor_.RunFor(absl::Milliseconds(1));
  EXPECT_EQ(State("f"), "revision 4, limit 0");
  EXPECT_EQ(MailCount(), 603u);
  const size_t batches = batches_.size();
  executor_.RunFor(absl::Seconds(30));
  EXPECT_EQ(MailCount(), 603u);
  EXPECT_EQ(batches_.size(), batches) << "what is kept costs no more batches";
}

TEST_F(StrandMailTest, APageIsReadAfterAnotherWithoutAPause) {
  Start();
  std::vector<v1::Mail> mails;
  for (int i = 0; i < 1000; ++i) mails.push_back(Saved("f" + std::to_string(i), 1));
  Send(mails);
  strand_.Nudge();
  executor_.RunFor(absl::Milliseconds(1));
  EXPECT_EQ(MailCount(), 0u);
  EXPECT_EQ(State("f999"), "revision 1, limit 0");
  for (const store::Batch& batch : batches_) EXPECT_LE(batch.rows.Count(), kBatchRowCountMax);
}

TEST_F(StrandMailTest, WhateverBecomesOfTheCommitMailIsDecidedOnce) {
  Start();
  const std::vector<CommitFault> faults = {{CommitFault::Kind::kSlow},
                                           {CommitFault::Kind::kRefused, store::Refusal::kConflict},
                                           {CommitFault::Kind::kRefused, store::Refusal::kNoLine},
                                           {CommitFault::Kind::kUnknownDone},
                                           {CommitFault::Kind::kUnknownNotDone},
                                           {CommitFault::Kind::kUnknownUnderWay}};
  int revision = 0;
  for (const CommitFault& fault : faults) {
    SCOPED_TRACE(static_cast<int>(fault.kind));
    store_.Script({fault});
    Send({Saved("f", ++revision)});
    strand_.Nudge();
    executor_.RunFor(absl::Seconds(10));
    EXPECT_EQ(State("f"), "revision " + std::to_string(revision) + ", limit 0");
    EXPECT_EQ(static_cast<int>(Records("f").size()), revision);
    EXPECT_EQ(MailCount(), 0u);
  }
}

TEST_F(StrandMailTest, AFencedPageIsReadAgainByWhoOwnsTheShardNext) {
  Start();
  simulated_.OwnerDied("replica");
  ASSERT_THAT(simulated_.TakeShards("other", absl::Seconds(10)), IsOk());
  Send({Saved("f", 1)});
  strand_.Nudge();
  executor_.RunFor(absl::Milliseconds(1));
  EXPECT_EQ(State("f"), "none") << "the shard is another's";
  EXPECT_EQ(strand_.counts().fenced, 1);
  simulated_.OwnerDied("other");
  executor_.RunFor(absl::Seconds(30));
  EXPECT_EQ(State("f"), "revision 1, limit 0");
  EXPECT_EQ(Records("f").size(), 1u);
}

TEST_F(StrandMailTest, AStoreThatCannotBeReadIsAskedAgain) {
  Start();
  Send({Saved("f", 1)});
  store_.SetRates({.read_unavailable = 1});
  executor_.RunFor(absl::Seconds(5));
  EXPECT_EQ(State("f"), "none");
  store_.SetRates({});
  executor_.RunFor(absl::Seconds(1));
  EXPECT_EQ(State("f"), "revision 1, limit 0");
}

}  // namespace
}  // namespace orch::conductor
