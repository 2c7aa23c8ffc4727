#include "controlplane/dispatch/lease_book.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::dispatch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr absl::Duration kTtl = absl::Seconds(30);
const absl::Duration kStart = absl::Seconds(1000);

v1::LeaseToken Token(const std::string& attempt, uint64_t fence = 1) {
  v1::LeaseToken token;
  token.set_attempt(attempt);
  token.set_fence(fence);
  return token;
}

struct Terms {
  absl::Duration offline = absl::ZeroDuration();
  absl::Duration timeout = absl::ZeroDuration();
  std::string worker = "w";
};

conductor::LeasedRun Lease(const v1::LeaseToken& token, const Terms& terms = {}) {
  conductor::LeasedRun run;
  run.token = token;
  run.lease.set_ttl_micros(absl::ToInt64Microseconds(kTtl));
  run.lease.set_offline_micros(absl::ToInt64Microseconds(terms.offline));
  run.lease.set_timeout_micros(absl::ToInt64Microseconds(terms.timeout));
  run.lease.set_worker_id(terms.worker);
  return run;
}

std::vector<std::string> Names(const std::vector<v1::LeaseToken>& tokens) {
  std::vector<std::string> names;
  for (const v1::LeaseToken& token : tokens) names.push_back(KeyOf(token));
  return names;
}

class LeaseBookTest : public testing::Test {
 protected:
  // A lease whose Assign has left.
  void Grant(const std::string& attempt, const std::string& session = "s",
             const Terms& terms = {}) {
    book_.Grant(session, terms.worker, Lease(Token(attempt), terms), kStart);
    book_.Find(Token(attempt))->sent = true;
  }
  // Renews what is named; answers what was left out twice.
  std::vector<std::string> Renew(const std::vector<v1::LeaseToken>& held, absl::Duration now,
                                 const std::string& session = "s") {
    std::vector<v1::LeaseToken> left_out;
    unknown_ = Names(book_.Renew(session, held, now, &left_out));
    return Names(left_out);
  }

  LeaseBook book_;
  std::vector<std::string> unknown_;
};

TEST_F(LeaseBookTest, ALeaseEndsWhenItsHolderHasBeenSilentForItsWholeTerm) {
  Grant("a");
  Grant("far", "s", {.offline = absl::Minutes(5)});
  EXPECT_THAT(book_.Expired(kStart + kTtl - absl::Microseconds(1)), IsEmpty());
  EXPECT_THAT(Names(book_.Expired(kStart + kTtl)), ElementsAre("a#1"));
  EXPECT_THAT(Names(book_.Expired(kStart + kTtl)), ElementsAre("a#1")) << "until it is released";
  book_.Release(Token("a"));
  EXPECT_THAT(book_.Expired(kStart + kTtl + absl::Minutes(5) - absl::Microseconds(1)), IsEmpty());
  EXPECT_THAT(Names(book_.Expired(kStart + kTtl + absl::Minutes(5))), ElementsAre("far#1"));
}

TEST_F(LeaseBookTest, TheOldestComeFirst) {
  Grant("b");
  Grant("a");
  Renew({Token("b")}, kStart + absl::Seconds(1));
  EXPECT_THAT(Names(book_.Expired(kStart + absl::Hours(1))), ElementsAre("a#1", "b#1"));
}

TEST_F(LeaseBookTest, ARenewalGivesANewTermAndConfirmsTheStart) {
  Grant("a");
  EXPECT_FALSE(book_.Find(Token("a"))->confirmed);
  EXPECT_THAT(Renew({Token("a")}, kStart + absl::Seconds(10)), IsEmpty());
  EXPECT_THAT(unknown_, IsEmpty());
  EXPECT_TRUE(book_.Find(Token("a"))->confirmed);
  EXPECT_THAT(book_.Expired(kStart + absl::Seconds(39)), IsEmpty());
  EXPECT_THAT(Names(book_.Expired(kStart + absl::Seconds(40))), ElementsAre("a#1"));
}

TEST_F(LeaseBookTest, ALeaseLeftOutOfTwoRenewalsIsReturned) {
  Grant("a");
  Grant("b");
  EXPECT_THAT(Renew({Token("b")}, kStart + absl::Seconds(10)), IsEmpty());
  EXPECT_THAT(Renew({Token("b")}, kStart + absl::Seconds(20)), ElementsAre("a#1"));
}

TEST_F(LeaseBookTest, ALeaseNamedInBetweenIsNotLeftOut) {
  Grant("a");
  EXPECT_THAT(Renew({}, kStart + absl::Seconds(10)), IsEmpty());
  EXPECT_THAT(Renew({Token("a")}, kStart + absl::Seconds(20)), IsEmpty());
  EXPECT_THAT(Renew({}, kStart + absl::Seconds(30)), IsEmpty());
  EXPECT_THAT(Renew({}, kStart + absl::Seconds(40)), ElementsAre("a#1"));
}

TEST_F(LeaseBookTest, ALeaseThatWasNotSentYetCannotBeLeftOut) {
  book_.Grant("s", "w", Lease(Token("a")), kStart);
  EXPECT_THAT(Renew({}, kStart + absl::Seconds(10)), IsEmpty());
  EXPECT_THAT(Renew({}, kStart + absl::Seconds(20)), IsEmpty());
  EXPECT_THAT(Renew({}, kStart + absl::Seconds(25)), IsEmpty());
}

TEST_F(LeaseBookTest, AnotherSessionsRenewalIsUnknownAndMovesNothing) {
  Grant("a", "s");
  EXPECT_THAT(Renew({Token("a"), Token("never"), Token("a", 2)}, kStart + absl::Seconds(10), "t"),
              IsEmpty());
  EXPECT_THAT(unknown_, UnorderedElementsAre("a#1", "never#1", "a#2"));
  EXPECT_FALSE(book_.Find(Token("a"))->confirmed);
  EXPECT_THAT(Names(book_.Expired(kStart + kTtl)), ElementsAre("a#1"));
}

TEST_F(LeaseBookTest, ATimeoutIsEnforcedFiveSecondsLate) {
  Grant("a", "s", {.timeout = absl::Seconds(60)});
  Grant("b");
  EXPECT_THAT(Renew({Token("a"), Token("b")}, kStart + absl::Seconds(50)), IsEmpty());
  EXPECT_THAT(book_.TimedOut(kStart + absl::Seconds(65) - absl::Microseconds(1)), IsEmpty());
  EXPECT_THAT(Names(book_.TimedOut(kStart + absl::Seconds(65))), ElementsAre("a#1"));
  book_.Release(Token("a"));
  EXPECT_THAT(book_.TimedOut(kStart + absl::Hours(1)), IsEmpty());
}

TEST_F(LeaseBookTest, LoadGivesFullNewTerms) {
  const absl::Duration now = kStart + absl::Hours(2);
  book_.Load({Lease(Token("a"), {.timeout = absl::Seconds(60), .worker = "w1"}),
              Lease(Token("b"), {.worker = "w2"})},
             now);
  EXPECT_EQ(book_.size(), 2);
  EXPECT_TRUE(book_.Find(Token("a"))->confirmed) << "nobody knows better";
  EXPECT_EQ(book_.Find(Token("a"))->session, "");
  EXPECT_THAT(book_.Expired(now + kTtl - absl::Microseconds(1)), IsEmpty());
  EXPECT_THAT(Names(book_.Expired(now + kTtl)), UnorderedElementsAre("a#1", "b#1"));
  EXPECT_THAT(Names(book_.TimedOut(now + absl::Seconds(65))), ElementsAre("a#1"));
  EXPECT_THAT(Names(book_.OfWorker("w1")), ElementsAre("a#1"));
}

TEST_F(LeaseBookTest, WhoeverPresentsALeaseHoldsIt) {
  book_.Load({Lease(Token("a"))}, kStart);
  EXPECT_TRUE(book_.Adopt(Token("a"), "s1", kStart + absl::Seconds(10)));
  EXPECT_TRUE(book_.Adopt(Token("a"), "s2", kStart + absl::Seconds(20)));
  EXPECT_EQ(book_.CountOfSession("s1"), 0);
  EXPECT_EQ(book_.CountOfSession("s2"), 1);
  EXPECT_THAT(Renew({Token("a")}, kStart + absl::Seconds(21), "s1"), IsEmpty());
  EXPECT_THAT(unknown_, ElementsAre("a#1"));
  EXPECT_THAT(book_.Expired(kStart + absl::Seconds(49)), IsEmpty());
  EXPECT_THAT(Names(book_.Expired(kStart + absl::Seconds(50))), ElementsAre("a#1"));
}

TEST_F(LeaseBookTest, ALeaseThatHasEndedCannotBePresented) {
  Grant("a");
  book_.Release(Token("a"));
  EXPECT_FALSE(book_.Adopt(Token("a"), "s", kStart));
  EXPECT_FALSE(book_.Adopt(Token("a", 2), "s", kStart));
  EXPECT_EQ(book_.Find(Token("a")), nullptr);
}

TEST_F(LeaseBookTest, ReleasingLeavesNothingBehindAndMayBeRepeated) {
  Grant("a", "s", {.timeout = absl::Seconds(1)});
  Grant("b");
  book_.Release(Token("a"));
  book_.Release(Token("a"));
  EXPECT_EQ(book_.size(), 1);
  EXPECT_EQ(book_.CountOfSession("s"), 1);
  EXPECT_THAT(Names(book_.OfWorker("w")), ElementsAre("b#1"));
  EXPECT_THAT(book_.TimedOut(kStart + absl::Hours(1)), IsEmpty());
  EXPECT_THAT(Names(book_.Expired(kStart + absl::Hours(1))), ElementsAre("b#1"));
}

TEST_F(LeaseBookTest, ClearForgetsAllLeases) {
  Grant("a", "s", {.timeout = absl::Seconds(1)});
  book_.Clear();
  EXPECT_EQ(book_.size(), 0);
  EXPECT_THAT(book_.OfWorker("w"), IsEmpty());
  EXPECT_THAT(book_.Expired(kStart + absl::Hours(1)), IsEmpty());
  EXPECT_THAT(book_.TimedOut(kStart + absl::Hours(1)), IsEmpty());
}

}  // namespace
}  // namespace orch::dispatch
