#include "controlplane/store/simulated_store.h"

#include <algorithm>
#include <map>

#include "base/manual_clock.h"
#include "base/status_matchers.h"
#include "controlplane/store/contract.h"
#include "controlplane/store/faulty_store.h"

namespace orch::store {
namespace {

// A strand over the test's own time.
class ManualExecutor final : public Executor {
 public:
  void Post(std::function<void()> work) override { PostAt(absl::ZeroDuration(), std::move(work)); }
  TimerId PostAt(absl::Duration delay, std::function<void()> work) override {
    due_.emplace(std::make_pair(now_ + std::max(delay, absl::ZeroDuration()), ++last_),
                 std::move(work));
    return last_;
  }
  bool Cancel(TimerId timer) override {
    return std::erase_if(due_, [&](const auto& entry) { return entry.first.second == timer; }) > 0;
  }
  void RunFor(absl::Duration span) {
    const absl::Duration end = now_ + span;
    while (!due_.empty() && due_.begin()->first.first <= end) {
      auto node = due_.extract(due_.begin());
      now_ = node.key().first;
      node.mapped()();
    }
    now_ = end;
  }

 private:
  absl::Duration now_ = absl::ZeroDuration();
  TimerId last_ = 0;
  std::map<std::pair<absl::Duration, TimerId>, std::function<void()>> due_;
};

// The simulated store behind a faulty one that is well, so that both pass.
class SimulatedKeeper final : public Keeper {
 public:
  Store& store() override { return faulty_; }
  void Reopen() override { simulated_.AllOwnersDied(); }
  std::vector<Refusal> refusals() const override {
    return {Refusal::kConflict, Refusal::kNoRoom, Refusal::kNoLine, Refusal::kBadRow};
  }
  void Refuse(Refusal refusal) override {
    faulty_.Script({{CommitFault::Kind::kRefused, refusal}});
  }
  void Relent() override { faulty_.Script({}); }
  void BreakHead(const std::string& execution_id) override { simulated_.BreakHead(execution_id); }
  bool refuses_nul() const override { return false; }

 private:
  ManualClock clock_;
  SeededRandom random_{1};
  SimulatedStore simulated_{clock_, nullptr, 4};
  FaultyStore faulty_{simulated_, nullptr, random_};
};

class FaultyStoreTest : public testing::Test {
 protected:
  Rows One(int number) { return {.heads = {TestHead(TestId(number))}}; }
  bool Holds(int number) { return simulated_.GetHead(TestId(number)).ok(); }
  // Sends the batch and remembers the answer, if one comes.
  void Send(const Batch& batch) {
    result_.reset();
    faulty_.Commit(batch, [this](CommitResult result) { result_ = std::move(result); });
  }
  Resolution::Outcome Ask(const Batch& batch) {
    std::optional<Resolution> answer;
    faulty_.Resolve(batch, [&](Resolution resolution) { answer = std::move(resolution); });
    return answer.has_value() ? answer->outcome : Resolution::Outcome::kUnavailable;
  }

  ManualClock clock_;
  ManualExecutor executor_;
  SeededRandom random_{7};
  SimulatedStore simulated_{clock_, nullptr, 4};
  FaultyStore faulty_{simulated_, &executor_, random_};
  Writer writer_{simulated_, "a"};
  std::optional<CommitResult> result_;
};

using Kind = CommitFault::Kind;
using Outcome = CommitResult::Outcome;

TEST_F(FaultyStoreTest, EachFaultAnswersTruly) {
  struct Case {
    const char* name;
    CommitFault fault;
    std::optional<Outcome> answered;  // At once.
    bool kept;                        // At once.
    Resolution::Outcome resolved;
  };
  const Case cases[] = {
      {"none", {Kind::kNone}, Outcome::kCommitted, true, Resolution::Outcome::kCommitted},
      {"slow", {Kind::kSlow}, std::nullopt, true, Resolution::Outcome::kCommitted},
      {"refused",
       {Kind::kRefused, Refusal::kNoRoom},
       Outcome::kRefused,
       false,
       Resolution::Outcome::kNotDone},
      {"unknown, done",
       {Kind::kUnknownDone},
       Outcome::kUnknown,
       true,
       Resolution::Outcome::kCommitted},
      {"unknown, not done",
       {Kind::kUnknownNotDone},
       Outcome::kUnknown,
       false,
       Resolution::Outcome::kNotDone},
      {"unknown, under way",
       {Kind::kUnknownUnderWay},
       Outcome::kUnknown,
       false,
       Resolution::Outcome::kCommitted},
      {"dropped", {Kind::kDropped}, std::nullopt, false, Resolution::Outcome::kCommitted},
  };
  int number = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Batch batch = writer_.Next(One(++number));
    faulty_.Script({c.fault});
    Send(batch);
    EXPECT_EQ(result_.has_value(), c.answered.has_value());
    if (result_ && c.answered) {
      EXPECT_EQ(result_->outcome, *c.answered);
    }
    EXPECT_EQ(Holds(number), c.kept);
    EXPECT_EQ(Ask(batch), c.resolved);
    EXPECT_EQ(Holds(number), c.resolved == Resolution::Outcome::kCommitted);
    if (c.resolved == Resolution::Outcome::kCommitted) writer_.Committed();
    EXPECT_EQ(faulty_.counts()[static_cast<size_t>(c.fault.kind)], 1);
  }
}

TEST_F(FaultyStoreTest, ABatchUnderWayLandsByItselfOrIsFencedByTheNextOwner) {
  const Batch first = writer_.Next(One(1));
  faulty_.Script({{Kind::kUnknownUnderWay}, {Kind::kUnknownUnderWay}});
  Send(first);
  EXPECT_FALSE(Holds(1));
  executor_.RunFor(absl::Seconds(3));
  EXPECT_TRUE(Holds(1));
  writer_.Committed();
  Send(writer_.Next(One(2)));
  simulated_.OwnerDied("a");
  Writer next(simulated_, "b");
  executor_.RunFor(absl::Seconds(3));
  EXPECT_FALSE(Holds(2));
}

TEST_F(FaultyStoreTest, ADroppedBatchIsUnknownAfterALongTime) {
  const Batch batch = writer_.Next(One(1));
  faulty_.Script({{Kind::kDropped}});
  Send(batch);
  executor_.RunFor(absl::Seconds(29));
  EXPECT_FALSE(result_.has_value());
  executor_.RunFor(absl::Seconds(2));
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->outcome, Outcome::kUnknown);
  EXPECT_EQ(Ask(batch), Resolution::Outcome::kCommitted);
}

TEST_F(FaultyStoreTest, RatesComeTrueAndTheSameSeedGivesTheSameFaults) {
  const auto counts_of = [](uint64_t seed) {
    ManualClock clock;
    ManualExecutor executor;
    SeededRandom random(seed);
    SimulatedStore simulated(clock, nullptr, 4);
    FaultyStore faulty(simulated, &executor, random);
    faulty.SetRates({.slow = 0.1,
                     .refused = 0.2,
                     .unknown_done = 0.1,
                     .unknown_not_done = 0.1,
                     .unknown_under_way = 0.1,
                     .dropped = 0.1});
    Writer writer(simulated, "a");
    for (int i = 0; i < 500; ++i) {
      faulty.Commit(writer.Next({}), [](CommitResult) {});
      executor.RunFor(absl::Seconds(1));
    }
    return faulty.counts();
  };
  const auto counts = counts_of(3);
  for (const int64_t count : counts) EXPECT_GT(count, 10);
  EXPECT_EQ(counts, counts_of(3));
  EXPECT_NE(counts, counts_of(4));
}

TEST_F(FaultyStoreTest, ReadsAndWritesFailAsTheRatesSay) {
  faulty_.SetRates({.resolve_unavailable = 1, .read_unavailable = 1, .write_unavailable = 1});
  EXPECT_THAT(faulty_.GetKv("main", "n", "k"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(faulty_.Write({.attempt_answers = {{"r/1", "x"}}}),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Ask(writer_.Next({})), Resolution::Outcome::kUnavailable);
  faulty_.SetRates({.write_unknown_done = 1});
  EXPECT_THAT(faulty_.Write({.attempt_answers = {{"r/1", "x"}}}),
              StatusIs(absl::StatusCode::kUnknown));
  faulty_.SetRates({});
  EXPECT_THAT(faulty_.GetAttemptAnswer("r/1"), IsOkAndHolds(testing::Optional(std::string("x"))));
}

INSTANTIATE_TEST_SUITE_P(Simulated, StoreContract,
                         testing::Values(KeeperUnderTest{
                             "Simulated", [] { return std::make_unique<SimulatedKeeper>(); }}));

}  // namespace
}  // namespace orch::store
