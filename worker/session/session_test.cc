#include "worker/session/session.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/manual_clock.h"
#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/session/fakes.h"
#include "worker/spool/memory_spool.h"

namespace orch::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

v1::LeaseToken Token(const std::string& attempt, uint64_t fence = 1) {
  v1::LeaseToken token;
  token.set_attempt(attempt);
  token.set_fence(fence);
  return token;
}

v1::Assign Assign(const std::string& attempt, uint64_t fence = 1) {
  v1::Assign assign;
  *assign.mutable_token() = Token(attempt, fence);
  assign.set_type("bench.Noop");
  assign.mutable_subject()->mutable_task_run()->set_task_run_id(attempt);
  return assign;
}

struct Observed final : SessionObserver {
  void OnDisconnected(const absl::Status& why, absl::Duration retry_in) override {
    delays.push_back(retry_in);
  }
  void OnLeaseEnded(const v1::LeaseToken& token) override { lost.push_back(token.attempt()); }
  void OnSpoolTrouble(const absl::Status& why) override { ++trouble_count; }
  void OnEnded(const absl::Status& why) override { ended = why; }

  std::vector<absl::Duration> delays;
  std::vector<std::string> lost;
  int trouble_count = 0;
  std::optional<absl::Status> ended;
};

class SessionTest : public testing::Test {
 protected:
  SessionTest() { Restart(); }

  void Restart() {
    session.reset();
    link = std::make_unique<FakeLink>(executor);
    Session::Options options = base_options;
    options.worker_id = "w1";
    options.session = "s1";
    session =
        std::make_unique<Session>(options, clock, random, executor, *link, spawn, spool, observed);
  }

  void Welcome(std::vector<v1::Verdict> verdicts = {}) {
    v1::ControlMessage message;
    message.mutable_welcome()->set_session("s1");
    message.mutable_welcome()->mutable_ttl()->set_micros(30'000'000);
    for (const v1::Verdict& verdict : verdicts)
      *message.mutable_welcome()->add_verdicts() = verdict;
    executor.RunFor();
    link->Receive(message);
    executor.RunFor();
  }
  void StartWelcomed() {
    session->Start();
    Welcome();
    link->TakeSent();
  }
  void Give(std::vector<v1::Assign> assigns) {
    v1::ControlMessage message;
    for (v1::Assign& assign : assigns) *message.mutable_assignments()->add_assigns() = assign;
    link->Receive(message);
    executor.RunFor();
  }
  void Ack(const v1::LeaseToken& token, v1::Ack::Word word = v1::Ack::ACCEPTED) {
    v1::ControlMessage message;
    v1::Ack& ack = *message.mutable_acks()->add_acks();
    *ack.mutable_token() = token;
    ack.set_word(word);
    link->Receive(message);
    executor.RunFor();
  }
  void AckLines(const v1::LeaseToken& token, int64_t through) {
    v1::ControlMessage message;
    v1::LogAck& ack = *message.mutable_log_acks()->add_acks();
    *ack.mutable_token() = token;
    ack.set_through_line(through);
    link->Receive(message);
    executor.RunFor();
  }
  void AnswerRenewals(const std::vector<v1::LeaseToken>& ended = {}) {
    for (const v1::WorkerMessage& sent : link->TakeSent()) {
      if (!sent.progress().has_renewal()) continue;
      v1::ControlMessage message;
      message.mutable_renewal_answer()->set_number(sent.progress().renewal().number());
      for (const auto& token : ended) *message.mutable_renewal_answer()->add_ended() = token;
      link->Receive(message);
    }
    executor.RunFor();
  }
  v1::Verdict Say(const v1::LeaseToken& token, v1::Verdict::Word word) {
    v1::Verdict verdict;
    *verdict.mutable_token() = token;
    verdict.set_word(word);
    return verdict;
  }
  std::vector<std::string> ResultsSent() {
    std::vector<std::string> attempts;
    for (const v1::WorkerMessage& sent : link->TakeSent()) {
      for (const v1::Result& result : sent.results().results()) {
        attempts.push_back(result.token().attempt());
      }
    }
    return attempts;
  }
  std::vector<v1::LogLines> LinesSent() {
    std::vector<v1::LogLines> all;
    for (const v1::WorkerMessage& sent : link->TakeSent()) {
      for (const v1::LogLines& lines : sent.progress().logs()) all.push_back(lines);
    }
    return all;
  }

  Session::Options base_options;
  ManualClock clock;
  ManualExecutor executor{clock};
  SeededRandom random{7};
  MemorySpool spool{executor};
  FakeSpawn spawn;
  Observed observed;
  std::unique_ptr<FakeLink> link;
  std::unique_ptr<Session> session;
};

TEST_F(SessionTest, HelloComesFirstAndNothingElseBeforeWelcome) {
  session->Start();
  executor.RunFor(absl::Seconds(1));
  ASSERT_THAT(link->sent, SizeIs(1));
  EXPECT_EQ(link->sent[0].hello().protocol(), 1);
  EXPECT_EQ(link->sent[0].hello().worker_id(), "w1");
  Welcome();
  ASSERT_THAT(link->sent, SizeIs(2));
  EXPECT_EQ(link->sent[1].credit().slots(), 4);
}

TEST_F(SessionTest, AnAssignToldTwiceRunsOnce) {
  StartWelcomed();
  Give({Assign("a")});
  Give({Assign("a")});
  EXPECT_EQ(spawn.start_counts[TokenKey(Token("a"))], 1);
  spawn.End(Token("a"));
  executor.RunFor();
  EXPECT_THAT(ResultsSent(), ElementsAre("a"));
  Give({Assign("a")});  // Its result is said again,
  EXPECT_THAT(ResultsSent(), ElementsAre("a"));
  Ack(Token("a"));
  Give({Assign("a")});  // and once it is settled, nothing is.
  EXPECT_THAT(ResultsSent(), IsEmpty());
  EXPECT_EQ(spawn.start_counts[TokenKey(Token("a"))], 1);
  EXPECT_EQ(session->held_count(), 0);
}

TEST_F(SessionTest, CreditCountsWhatWasReceivedAndChangesOnlyWhenASlotIsFree) {
  StartWelcomed();
  Give({Assign("a"), Assign("b")});
  for (const auto& sent : link->TakeSent()) EXPECT_FALSE(sent.has_credit());
  spawn.End(Token("a"));
  executor.RunFor();
  std::vector<v1::WorkerMessage> sent = link->TakeSent();
  std::optional<v1::Credit> credit;
  for (const auto& message : sent) {
    if (message.has_credit()) credit = message.credit();
  }
  ASSERT_TRUE(credit.has_value());
  EXPECT_EQ(credit->slots(), 3);
  EXPECT_EQ(credit->received(), 2);
}

TEST_F(SessionTest, WhatExceedsTheSlotsIsGivenBack) {
  base_options.slots = 1;
  Restart();
  StartWelcomed();
  Give({Assign("a"), Assign("b")});
  EXPECT_EQ(spawn.start_counts.size(), 1u);
  std::vector<v1::WorkerMessage> sent = link->TakeSent();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent[0].lease_returned().token().attempt(), "b");
  EXPECT_EQ(sent.back().credit().received(), 2);  // The credit spent on it is told back.
}

TEST_F(SessionTest, WhatCannotStartIsGivenBackWithTheReason) {
  StartWelcomed();
  spawn.refusal = absl::InvalidArgumentError("no such type");
  Give({Assign("a")});
  EXPECT_THAT(link->sent[0].lease_returned().reason(), HasSubstr("no such type"));
  EXPECT_EQ(session->held_count(), 0);
}

TEST_F(SessionTest, ARenewalNamesEveryLeaseHeld) {
  StartWelcomed();
  Give({Assign("a"), Assign("b"), Assign("c")});
  spawn.End(Token("b"));  // Finished, and not acknowledged: held.
  spawn.End(Token("c"));
  executor.RunFor();
  Ack(Token("c"));
  link->TakeSent();
  executor.RunFor(absl::Seconds(10));
  std::vector<std::string> held;
  for (const auto& sent : link->TakeSent()) {
    for (const auto& token : sent.progress().renewal().held()) held.push_back(token.attempt());
  }
  EXPECT_THAT(held, ElementsAre("a", "b"));
}

TEST_F(SessionTest, ARenewalComesEveryThirdOfTheTerm) {
  StartWelcomed();
  Give({Assign("a")});
  int count = 0;
  for (int second = 0; second < 61; ++second) {
    executor.RunFor(absl::Seconds(1));
    for (const auto& sent : link->sent) count += sent.progress().has_renewal() ? 1 : 0;
    AnswerRenewals();
  }
  EXPECT_EQ(count, 6);
  EXPECT_TRUE(spawn.abandoned.empty());
}

TEST_F(SessionTest, SilenceBeyondTheTermKillsTheWork) {
  StartWelcomed();
  Give({Assign("a")});
  link->Cut();
  executor.RunFor(absl::Seconds(29));
  EXPECT_THAT(spawn.abandoned, IsEmpty());
  executor.RunFor(absl::Seconds(2));
  EXPECT_THAT(spawn.abandoned, ElementsAre(TokenKey(Token("a"))));
  EXPECT_THAT(observed.lost, ElementsAre("a"));
  EXPECT_EQ(session->held_count(), 0);
}

TEST_F(SessionTest, AnAnsweredRenewalCountsFromItsSending) {
  StartWelcomed();
  Give({Assign("a")});
  const absl::Duration start = clock.Boottime();
  executor.RunFor(absl::Seconds(10));  // The renewal leaves,
  std::vector<v1::WorkerMessage> kept = link->sent;
  executor.RunFor(absl::Seconds(9));  // and its answer takes nine seconds.
  link->sent = kept;
  AnswerRenewals();
  EXPECT_EQ(spawn.deadlines[TokenKey(Token("a"))], start + absl::Seconds(10 + 30));
}

TEST_F(SessionTest, AnOfflineTermLetsWorkGoOnWithoutALine) {
  StartWelcomed();
  v1::Assign assign = Assign("a");
  assign.mutable_offline()->set_micros(3'600'000'000);
  Give({assign});
  link->Cut();
  executor.RunFor(absl::Minutes(60));
  EXPECT_THAT(spawn.abandoned, IsEmpty());
  executor.RunFor(absl::Minutes(1));
  EXPECT_THAT(spawn.abandoned, SizeIs(1));
}

TEST_F(SessionTest, AMachineThatSleptKillsFirstAndListensThen) {
  StartWelcomed();
  Give({Assign("a")});
  clock.Advance(absl::Minutes(5));  // No timer has run.
  Ack(Token("unknown"));
  EXPECT_THAT(spawn.abandoned, ElementsAre(TokenKey(Token("a"))));
}

TEST_F(SessionTest, AResultWaitsThroughACutLineAndIsSentOnceMoreAfterHello) {
  StartWelcomed();
  Give({Assign("a")});
  spawn.End(Token("a"), v1::SUCCESS, R"({"x":1})");
  executor.RunFor();
  EXPECT_THAT(ResultsSent(), ElementsAre("a"));
  link->Cut();
  executor.RunFor(absl::Hours(2));  // Results do not expire.
  std::vector<v1::WorkerMessage> sent = link->TakeSent();
  const v1::Hello& hello = sent.back().hello();
  ASSERT_THAT(hello.held(), SizeIs(1));
  EXPECT_TRUE(hello.held(0).finished());
  EXPECT_EQ(hello.held(0).subject().task_run().task_run_id(), "a");
  Welcome({Say(Token("a"), v1::Verdict::CONTINUE)});
  EXPECT_THAT(ResultsSent(), ElementsAre("a"));
  Ack(Token("a"));
  EXPECT_EQ(session->held_count(), 0);
  EXPECT_THAT(spool.Load().results, IsEmpty());
}

TEST_F(SessionTest, EveryWordOfAnAckSettlesAResult) {
  for (const v1::Ack::Word word :
       {v1::Ack::ACCEPTED, v1::Ack::DUPLICATE, v1::Ack::FENCED, v1::Ack::INVALID}) {
    SCOPED_TRACE(v1::Ack::Word_Name(word));
    Restart();
    StartWelcomed();
    const std::string attempt = "a" + std::to_string(word);
    Give({Assign(attempt)});
    spawn.End(Token(attempt));
    executor.RunFor();
    Ack(Token(attempt), word);
    EXPECT_EQ(session->held_count(), 0);
    EXPECT_THAT(spool.Load().results, IsEmpty());
  }
}

TEST_F(SessionTest, ResultsThatPileUpWhileTheLineIsBusyShareMessages) {
  base_options.slots = 200;
  Restart();
  StartWelcomed();
  std::vector<v1::Assign> assigns;
  for (int i = 0; i < 120; ++i) assigns.push_back(Assign("a" + std::to_string(i)));
  Give(assigns);
  link->TakeSent();
  link->clogged = true;
  for (const v1::Assign& assign : assigns) spawn.End(assign.token());
  executor.RunFor();
  link->clogged = false;
  link->Written();
  executor.RunFor();
  std::vector<int> sizes;
  for (const auto& sent : link->TakeSent()) {
    if (sent.has_results()) sizes.push_back(sent.results().results_size());
  }
  int sum = 0;
  for (const int size : sizes) {
    sum += size;
    EXPECT_LE(size, 50);
  }
  EXPECT_EQ(sum, 120);
  EXPECT_LE(sizes.size(), 4u);
}

TEST_F(SessionTest, NoMessageExceedsAMebibyte) {
  base_options.slots = 50;
  Restart();
  StartWelcomed();
  std::vector<v1::Assign> assigns;
  for (int i = 0; i < 20; ++i) assigns.push_back(Assign("a" + std::to_string(i)));
  Give(assigns);
  link->clogged = true;
  for (const v1::Assign& assign : assigns) {
    spawn.Print(assign.token(), std::vector<std::string>(200, std::string(10'240, 'x')));
    spawn.End(assign.token(), v1::SUCCESS, "\"" + std::string(250 << 10, 'y') + "\"");
  }
  link->clogged = false;
  link->Written();
  executor.RunFor();
  size_t results = 0;
  for (const auto& sent : link->TakeSent()) {
    EXPECT_LT(sent.ByteSizeLong(), 1u << 20);
    results += sent.results().results_size();
  }
  EXPECT_EQ(results, 20u);
}

TEST_F(SessionTest, ResultsOvertakeLines) {
  StartWelcomed();
  Give({Assign("a"), Assign("b")});
  link->TakeSent();
  link->clogged = true;
  spawn.Print(Token("a"), {"one"});  // Is being written;
  spawn.Print(Token("a"), {"two"});  // this line waits,
  spawn.End(Token("b"));             // and the result passes it.
  executor.RunFor();
  link->clogged = false;
  link->Written();
  executor.RunFor();
  std::vector<v1::WorkerMessage> sent = link->TakeSent();
  ASSERT_GE(sent.size(), 3u);
  EXPECT_EQ(sent[0].progress().logs(0).lines(0).text(), "one");
  EXPECT_TRUE(sent[1].has_results());
}

TEST_F(SessionTest, LinesAreNumberedFromOneWithoutGapsAndCountedInTheResult) {
  StartWelcomed();
  Give({Assign("a")});
  spawn.Print(Token("a"), {"one", "two"});
  executor.RunFor();
  spawn.Print(Token("a"), {"three"});
  executor.RunFor();
  spawn.End(Token("a"));
  executor.RunFor();
  int64_t next = 1;
  int64_t told = 0;
  for (const auto& sent : link->TakeSent()) {
    for (const auto& lines : sent.progress().logs()) {
      EXPECT_EQ(lines.first_line(), next);
      next += lines.lines_size();
    }
    for (const auto& result : sent.results().results()) told = result.line_count();
  }
  EXPECT_EQ(next, 4);
  EXPECT_EQ(told, 3);
}

TEST_F(SessionTest, LinesBelowTheLevelHaveNoNumber) {
  StartWelcomed();
  v1::Assign assign = Assign("a");
  assign.set_log_level(v1::WARN);
  Give({assign});
  spawn.Print(Token("a"), {"info"});
  executor.RunFor();
  EXPECT_THAT(LinesSent(), IsEmpty());
}

TEST_F(SessionTest, AtMostAMebibyteOfLinesIsUnacknowledged) {
  StartWelcomed();
  Give({Assign("a")});
  for (int i = 0; i < 300; ++i) spawn.Print(Token("a"), {std::string(10'000, 'x')});
  executor.RunFor();
  int64_t bytes = 0;
  int64_t last = 0;
  for (const auto& lines : LinesSent()) {
    bytes += static_cast<int64_t>(lines.ByteSizeLong());
    last = lines.first_line() + lines.lines_size() - 1;
  }
  EXPECT_LE(bytes, (1 << 20) + 11'000);
  EXPECT_GE(bytes, (1 << 20) - 11'000);
  AckLines(Token("a"), last);
  EXPECT_EQ(LinesSent().front().first_line(), last + 1);
}

TEST_F(SessionTest, LinesThatWereNotAcknowledgedAreSentAgainOnTheNextLine) {
  StartWelcomed();
  Give({Assign("a")});
  spawn.Print(Token("a"), {"one", "two", "three"});
  executor.RunFor();
  AckLines(Token("a"), 1);
  link->Cut();
  executor.RunFor(absl::Seconds(1));
  link->TakeSent();
  Welcome({Say(Token("a"), v1::Verdict::CONTINUE)});
  const std::vector<v1::LogLines> lines = LinesSent();
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].first_line(), 2);
  EXPECT_EQ(lines[0].lines_size(), 2);
}

TEST_F(SessionTest, LinesOutliveTheAckOfTheirResult) {
  StartWelcomed();
  Give({Assign("a")});
  spawn.Print(Token("a"), {"one"});
  spawn.End(Token("a"));
  executor.RunFor();
  Ack(Token("a"));
  EXPECT_THAT(spool.Load().streams, SizeIs(1));
  AckLines(Token("a"), 1);
  EXPECT_THAT(spool.Load().streams, IsEmpty());
}

TEST_F(SessionTest, LinesThatNobodyAcknowledgesAreGivenUpAMinuteAfterTheEnd) {
  StartWelcomed();
  Give({Assign("a")});
  spawn.Print(Token("a"), {"one"});
  spawn.End(Token("a"));
  executor.RunFor();
  Ack(Token("a"), v1::Ack::FENCED);
  for (int second = 0; second < 50; ++second) {
    executor.RunFor(absl::Seconds(1));
    AnswerRenewals();
  }
  EXPECT_THAT(spool.Load().streams, SizeIs(1));
  for (int second = 0; second < 30; ++second) {
    executor.RunFor(absl::Seconds(1));
    AnswerRenewals();
  }
  EXPECT_THAT(spool.Load().streams, IsEmpty());
}

TEST_F(SessionTest, AVerdictOfStopKillsTheWorkAndForgetsAResult) {
  StartWelcomed();
  Give({Assign("a"), Assign("b")});
  spawn.End(Token("b"));
  executor.RunFor();
  link->Cut();
  executor.RunFor(absl::Seconds(1));
  link->TakeSent();
  Welcome({Say(Token("a"), v1::Verdict::STOP), Say(Token("b"), v1::Verdict::STOP)});
  EXPECT_THAT(spawn.abandoned, ElementsAre(TokenKey(Token("a"))));
  EXPECT_THAT(ResultsSent(), IsEmpty());
  EXPECT_THAT(spool.Load().results, IsEmpty());
}

TEST_F(SessionTest, AVerdictOfNotYetKeepsTheWorkGoing) {
  StartWelcomed();
  Give({Assign("a")});
  executor.RunFor(absl::Seconds(5));
  link->Cut();
  executor.RunFor(absl::Seconds(1));
  Welcome({Say(Token("a"), v1::Verdict::NOT_YET)});
  for (int second = 0; second < 60; ++second) {
    executor.RunFor(absl::Seconds(1));
    AnswerRenewals();
  }
  EXPECT_THAT(spawn.abandoned, IsEmpty());
}

TEST_F(SessionTest, ALeaseThatARenewalCannotKeepIsKilled) {
  StartWelcomed();
  Give({Assign("a"), Assign("b")});
  executor.RunFor(absl::Seconds(10));
  AnswerRenewals({Token("a")});
  EXPECT_THAT(spawn.abandoned, ElementsAre(TokenKey(Token("a"))));
  EXPECT_EQ(session->running_count(), 1);
}

TEST_F(SessionTest, AStopKillsAndTheResultFollows) {
  StartWelcomed();
  Give({Assign("a")});
  v1::ControlMessage message;
  *message.mutable_stop()->mutable_token() = Token("a");
  message.mutable_stop()->set_reason(v1::Stop::KILLED_BY_USER);
  link->Receive(message);
  executor.RunFor();
  EXPECT_THAT(spawn.stopped, ElementsAre(TokenKey(Token("a"))));
  spawn.End(Token("a"), v1::KILLED);
  executor.RunFor();
  EXPECT_THAT(ResultsSent(), ElementsAre("a"));
}

TEST_F(SessionTest, AStopOfWhatIsNotHeldIsAnswered) {
  StartWelcomed();
  v1::ControlMessage message;
  *message.mutable_stop()->mutable_token() = Token("x");
  link->Receive(message);
  executor.RunFor();
  EXPECT_EQ(link->sent[0].lease_returned().token().attempt(), "x");
}

TEST_F(SessionTest, ANewerLeaseOfAnAttemptEndsTheOlderOne) {
  StartWelcomed();
  Give({Assign("a", 1)});
  Give({Assign("a", 2)});
  EXPECT_THAT(spawn.abandoned, ElementsAre(TokenKey(Token("a", 1))));
  EXPECT_THAT(spawn.running, ElementsAre(TokenKey(Token("a", 2))));
}

TEST_F(SessionTest, ReconnectsGetSlowerUpToFiveSecondsAndFastAgainAfterAWelcome) {
  session->Start();
  for (int i = 0; i < 12; ++i) {
    link->Cut();
    executor.RunFor(absl::Seconds(6));
  }
  ASSERT_THAT(observed.delays, SizeIs(12));
  EXPECT_LE(observed.delays[0], absl::Milliseconds(100));
  EXPECT_GE(observed.delays[0], absl::Milliseconds(50));
  EXPECT_LE(observed.delays[11], absl::Seconds(5));
  EXPECT_GE(observed.delays[11], absl::Milliseconds(2500));
  Welcome();
  link->Cut();
  EXPECT_LE(observed.delays.back(), absl::Milliseconds(100));
}

TEST_F(SessionTest, AHelloWithoutAnswerIsGivenUp) {
  session->Start();
  executor.RunFor(absl::Seconds(11));
  EXPECT_EQ(link->open_count, 2);
}

TEST_F(SessionTest, ALineThatAnswersNoRenewalIsGivenUp) {
  StartWelcomed();
  executor.RunFor(absl::Seconds(41));
  EXPECT_EQ(link->open_count, 2);
}

TEST_F(SessionTest, AResultWithoutAckIsSaidAgainOnALiveLine) {
  StartWelcomed();
  Give({Assign("a")});
  spawn.End(Token("a"));
  executor.RunFor();
  EXPECT_THAT(ResultsSent(), ElementsAre("a"));
  executor.RunFor(absl::Seconds(11));
  EXPECT_THAT(ResultsSent(), ElementsAre("a"));
}

TEST_F(SessionTest, ADrainTakesNoMoreFinishesAndEnds) {
  StartWelcomed();
  Give({Assign("a")});
  link->TakeSent();
  session->Drain("SIGTERM");
  executor.RunFor();
  std::vector<v1::WorkerMessage> sent = link->TakeSent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].draining().reason(), "SIGTERM");
  EXPECT_EQ(sent[1].credit().slots(), 0);
  Give({Assign("b")});
  EXPECT_EQ(link->TakeSent()[0].lease_returned().token().attempt(), "b");
  EXPECT_FALSE(observed.ended.has_value());
  spawn.End(Token("a"));
  executor.RunFor();
  EXPECT_FALSE(observed.ended.has_value());
  Ack(Token("a"));
  ASSERT_TRUE(observed.ended.has_value());
  EXPECT_TRUE(observed.ended->ok());
}

TEST_F(SessionTest, AControlPlaneThatDrainsGetsNoCreditUntilTheNextLine) {
  StartWelcomed();
  v1::ControlMessage message;
  message.mutable_drain()->set_reason("upgrade");
  link->Receive(message);
  executor.RunFor();
  std::vector<v1::WorkerMessage> sent = link->TakeSent();
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].draining().reason(), "upgrade");
  EXPECT_EQ(sent[1].credit().slots(), 0);
  link->Cut();
  executor.RunFor(absl::Seconds(1));
  Welcome();
  EXPECT_EQ(link->TakeSent().back().credit().slots(), 4);
  EXPECT_FALSE(observed.ended.has_value());
}

TEST_F(SessionTest, HugeAmountsOfLinesAndMetricsGoInSmallMessages) {
  StartWelcomed();
  Give({Assign("a")});
  spawn.Print(Token("a"), std::vector<std::string>(300, std::string(10'000, 'x')));
  spawn.Measure(Token("a"), 1'000, std::string(4'000, 'n'));
  executor.RunFor();
  size_t metrics = 0;
  for (const v1::WorkerMessage& sent : link->TakeSent()) {
    EXPECT_LT(sent.ByteSizeLong(), 1u << 20);
    metrics += static_cast<size_t>(sent.progress().metrics_size());
  }
  EXPECT_EQ(metrics, 1'000u);
}

TEST_F(SessionTest, ADrainWithoutALineEndsAfterATime) {
  StartWelcomed();
  Give({Assign("a")});
  link->Cut();
  session->Drain("SIGTERM");
  spawn.End(Token("a"));
  executor.RunFor(absl::Seconds(11));
  EXPECT_TRUE(observed.ended.has_value());
  EXPECT_THAT(spool.Load().results, SizeIs(1));  // For the next start.
}

TEST_F(SessionTest, AHaltKillsWhatRuns) {
  StartWelcomed();
  Give({Assign("a")});
  session->Halt();
  EXPECT_THAT(spawn.abandoned, ElementsAre(TokenKey(Token("a"))));
  EXPECT_TRUE(observed.ended.has_value());
}

TEST_F(SessionTest, ARefusalEndsTheSessionWithItsText) {
  session->Start();
  v1::ControlMessage message;
  message.mutable_refused()->set_code("PROTOCOL_VERSION");
  message.mutable_refused()->set_message("speak version 2");
  link->Receive(message);
  ASSERT_TRUE(observed.ended.has_value());
  EXPECT_THAT(std::string(observed.ended->message()), HasSubstr("speak version 2"));
  executor.RunFor(absl::Minutes(1));
  EXPECT_EQ(link->open_count, 1);
}

TEST_F(SessionTest, APingIsAnsweredAndAnUnknownMessageIsNamed) {
  StartWelcomed();
  v1::ControlMessage ping;
  ping.mutable_ping()->set_number(9);
  link->Receive(ping);
  link->Receive(v1::ControlMessage());
  executor.RunFor();
  ASSERT_THAT(link->sent, SizeIs(2));
  EXPECT_EQ(link->sent[0].pong().number(), 9);
  EXPECT_EQ(link->sent[1].unsupported().message(), "unknown");
}

TEST_F(SessionTest, TooManyUnconfirmedResultsEndTheCredit) {
  base_options.result_bytes_max = 1000;
  Restart();
  StartWelcomed();
  Give({Assign("a")});
  link->TakeSent();
  spawn.End(Token("a"), v1::SUCCESS, "\"" + std::string(2000, 'x') + "\"");
  executor.RunFor();
  EXPECT_EQ(link->TakeSent().back().credit().slots(), 0);
  Ack(Token("a"));
  EXPECT_EQ(link->TakeSent().back().credit().slots(), 4);
}

TEST_F(SessionTest, AResultThatCannotBeKeptIsSentAllTheSame) {
  StartWelcomed();
  Give({Assign("a")});
  spool.SetTrouble(absl::ResourceExhaustedError("disk full"));
  spawn.End(Token("a"));
  executor.RunFor();
  EXPECT_THAT(ResultsSent(), ElementsAre("a"));
  EXPECT_EQ(observed.trouble_count, 1);
  EXPECT_FALSE(spawn.released.contains(TokenKey(Token("a"))));
}

TEST_F(SessionTest, ARestartedWorkerPresentsWhatItFindsAndNumbersOn) {
  StartWelcomed();
  Give({Assign("a"), Assign("b")});
  spawn.Print(Token("a"), {"one", "two"});
  spawn.End(Token("b"));
  executor.RunFor();
  AckLines(Token("a"), 1);

  Restart();  // As after kill -9.
  spawn.found.push_back({Assign("a"), clock.Boottime() + absl::Seconds(20)});
  session->Start();
  executor.RunFor();
  ASSERT_THAT(link->sent, SizeIs(1));
  ASSERT_THAT(link->sent[0].hello().held(), SizeIs(2));
  EXPECT_FALSE(link->sent[0].hello().held(0).finished());
  EXPECT_TRUE(link->sent[0].hello().held(1).finished());
  Welcome({Say(Token("a"), v1::Verdict::CONTINUE), Say(Token("b"), v1::Verdict::CONTINUE)});
  spawn.Print(Token("a"), {"one", "two", "three"});  // Told from the first again.
  executor.RunFor();
  std::vector<std::string> texts;
  for (const auto& lines : LinesSent()) {
    for (const auto& line : lines.lines()) texts.push_back(line.text());
  }
  EXPECT_THAT(texts, ElementsAre("two", "three"));
}

TEST_F(SessionTest, ARestartedWorkerThatFindsALeaseTooLateKillsIt) {
  spawn.found.push_back({Assign("a"), clock.Boottime() - absl::Seconds(1)});
  session->Start();
  EXPECT_THAT(spawn.abandoned, ElementsAre(TokenKey(Token("a"))));
  EXPECT_THAT(link->sent[0].hello().held(), SizeIs(0));
}

TEST_F(SessionTest, AFullSpoolSaysItsGap) {
  MemorySpool small(executor, /*line_bytes_max=*/150);
  link = std::make_unique<FakeLink>(executor);
  Session other(base_options, clock, random, executor, *link, spawn, small, observed);
  other.Start();
  Welcome();
  Give({Assign("a")});
  link->TakeSent();
  link->clogged = true;
  spawn.Print(Token("a"), {std::string(50, 'x')});
  spawn.Print(Token("a"), {std::string(60, 'y'), std::string(60, 'z')});
  link->clogged = false;
  link->Written();
  executor.RunFor();
  AckLines(Token("a"), 3);
  int64_t gap = 0;
  for (const auto& lines : LinesSent()) gap += lines.gap_count();
  EXPECT_EQ(gap, 2);
}

}  // namespace
}  // namespace orch::worker
