#include "controlplane/dispatch/log_intake.h"

#include <zstd.h>

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/manual_clock.h"
#include "controlplane/store/simulated_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/simulation/sim_executor.h"

namespace orch::dispatch {
namespace {

using testing::ElementsAre;

// Keeps what it is given until the test lets it run.
class HeldExecutor final : public Executor {
 public:
  void Post(std::function<void()> work) override { work_.push_back(std::move(work)); }
  TimerId PostAt(absl::Duration, std::function<void()> work) override {
    work_.push_back(std::move(work));
    return 1;
  }
  bool Cancel(TimerId) override { return false; }
  void RunAll() {
    while (!work_.empty()) {
      auto work = std::move(work_.front());
      work_.pop_front();
      work();
    }
  }

 private:
  std::deque<std::function<void()>> work_;
};

class LogIntakeTest : public testing::Test {
 protected:
  static conductor::LeasedRun Lease(std::vector<std::string> secrets = {}) {
    conductor::LeasedRun lease;
    lease.token.set_attempt("01kdwpvng09h6exvd2vj8vps89-0/1");
    lease.token.set_fence(1);
    lease.execution_id = "01kdwpvng09h6exvd2vj8vps89";
    lease.task_id = "t";
    lease.secrets = std::move(secrets);
    return lease;
  }

  void Tell(int64_t first, int64_t count, const std::string& text = "line") {
    v1::LogLines lines;
    *lines.mutable_token() = Lease().token;
    lines.set_first_line(first);
    for (int64_t i = 0; i < count; ++i) {
      lines.add_lines()->set_text(text + " " + std::to_string(first + i));
    }
    intake_.Take("session", lines);
  }

  std::vector<std::string> Stored() {
    std::vector<std::string> texts;
    const auto chunks = store_.ListLogChunks(Lease().execution_id, "", 0, 100);
    for (const store::LogChunkRow& chunk : *chunks) {
      std::string plain(ZSTD_getFrameContentSize(chunk.body.data(), chunk.body.size()), '\0');
      ZSTD_decompress(plain.data(), plain.size(), chunk.body.data(), chunk.body.size());
      v1::LogLines lines;
      EXPECT_TRUE(lines.ParseFromString(plain));
      for (const v1::LogLine& line : lines.lines()) texts.push_back(line.text());
    }
    return texts;
  }

  void Settle() {
    for (int i = 0; i < 10; ++i) {
      strand_.RunFor(absl::Seconds(1));
      background_.RunAll();
    }
  }

  ManualClock clock_;
  simulation::SimExecutor strand_{clock_};
  HeldExecutor background_;
  store::SimulatedStore store_{clock_};
  std::vector<int64_t> acked_;
  LogIntake intake_{{},
                    strand_,
                    background_,
                    store_,
                    [this](const std::string&, const v1::LeaseToken&, int64_t line) {
                      acked_.push_back(line);
                    },
                    nullptr};
};

TEST_F(LogIntakeTest, LinesThatComeWhileOthersAreStoredAreStoredToo) {
  intake_.Open(Lease());
  Tell(1, 2);
  strand_.RunFor(absl::Seconds(1));  // The first chunk is on its way; the store is slow.
  Tell(3, 1);
  strand_.RunFor(absl::Seconds(1));
  EXPECT_THAT(acked_, ElementsAre()) << "nothing is durable yet";
  Settle();
  EXPECT_THAT(Stored(), ElementsAre("line 1", "line 2", "line 3"));
  EXPECT_THAT(acked_, ElementsAre(2, 3));
}

TEST_F(LogIntakeTest, ALineToldTwiceIsStoredOnce) {
  intake_.Open(Lease());
  Tell(1, 2);
  Tell(1, 3);
  Settle();
  Tell(2, 2);
  EXPECT_THAT(Stored(), ElementsAre("line 1", "line 2", "line 3"));
  EXPECT_EQ(acked_.back(), 3) << "what is durable is acknowledged again";
}

TEST_F(LogIntakeTest, AfterARestartOnlyWhatIsNotStoredIsTaken) {
  intake_.Open(Lease());
  Tell(1, 2);
  Settle();
  intake_.Forget();
  intake_.Reopen(Lease());
  Tell(1, 4);  // The worker never heard of the acknowledgement.
  Settle();
  EXPECT_THAT(Stored(), ElementsAre("line 1", "line 2", "line 3", "line 4"));
}

TEST_F(LogIntakeTest, SecretsAreMasked) {
  intake_.Open(Lease({"hunter2"}));
  Tell(1, 1, "password hunter2 here");
  Settle();
  EXPECT_THAT(Stored(), ElementsAre("password ****** here 1"));
}

TEST_F(LogIntakeTest, LinesWaitForTheSecretsOfATakeoverAndAreMaskedWholeWhenTheseAreLost) {
  conductor::LeasedRun lease = Lease();
  lease.lease.add_secret_names("X");
  intake_.Reopen(lease);
  EXPECT_TRUE(intake_.SecretsDue(lease.token));
  Tell(1, 1, "password hunter2");
  Settle();
  EXPECT_THAT(Stored(), ElementsAre()) << "nobody knows yet what to look for";
  intake_.SetSecrets(lease.token, std::nullopt);
  Settle();
  EXPECT_THAT(Stored(), ElementsAre("******"));
  EXPECT_TRUE(intake_.SecretsLost(lease.token));
}

}  // namespace
}  // namespace orch::dispatch
