#include "base/clock.h"

#include <gtest/gtest.h>

#include "base/manual_clock.h"

namespace orch {
namespace {

TEST(RealClock, KnowsThatThisProgramIsYoungerThanNow) {
  RealClock clock;
  EXPECT_GT(clock.Now(), absl::FromUnixSeconds(1'700'000'000));
  EXPECT_LT(clock.Now(), absl::FromUnixSeconds(10'000'000'000));
}

TEST(RealClock, BoottimeNeverGoesBack) {
  RealClock clock;
  absl::Duration last = clock.Boottime();
  EXPECT_GT(last, absl::ZeroDuration());
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration now = clock.Boottime();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(ManualClock, StandsStillUntilItIsMoved) {
  ManualClock clock;
  const absl::Time noon = clock.Now();
  const absl::Duration boot = clock.Boottime();
  EXPECT_EQ(clock.Now(), noon);
  clock.Advance(absl::Seconds(30));
  EXPECT_EQ(clock.Now() - noon, absl::Seconds(30));
  EXPECT_EQ(clock.Boottime() - boot, absl::Seconds(30));
}

TEST(ManualClock, SettingTheWallClockLeavesBoottimeAlone) {
  ManualClock clock;
  const absl::Duration boot = clock.Boottime();
  clock.SetWall(clock.Now() - absl::Hours(1));
  EXPECT_EQ(clock.Boottime(), boot);
}

}  // namespace
}  // namespace orch
