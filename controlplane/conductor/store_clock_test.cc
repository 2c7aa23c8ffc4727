#include "controlplane/conductor/store_clock.h"

#include "base/manual_clock.h"
#include "gtest/gtest.h"

namespace orch::conductor {
namespace {

TEST(StoreClock, GoesOnByBootTimeFromWhatTheStoreSaid) {
  ManualClock clock;
  StoreClock store_clock(clock);
  const absl::Time said = clock.Now() + absl::Hours(3);
  store_clock.Set(said, clock.Boottime());
  EXPECT_EQ(store_clock.Now(), said);
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(store_clock.Now(), said + absl::Seconds(5));
}

TEST(StoreClock, TheWallOfThisMachineDecidesNothing) {
  ManualClock clock;
  StoreClock store_clock(clock);
  const absl::Time before = store_clock.Now();
  clock.SetWall(before + absl::Hours(24 * 365));
  EXPECT_EQ(store_clock.Now(), before);
  clock.SetWall(before - absl::Hours(24 * 365));
  EXPECT_EQ(store_clock.Now(), before);
}

TEST(StoreClock, DoesNotLagByTheTimeThatAnAnswerTook) {
  ManualClock clock;
  StoreClock store_clock(clock);
  const absl::Time said = clock.Now();
  const absl::Duration asked_at = clock.Boottime();
  clock.Advance(absl::Milliseconds(3));  // The commit is on its way.
  const absl::Time before = store_clock.Now();
  store_clock.Set(said, asked_at);
  EXPECT_EQ(store_clock.Now(), before) << "the store spoke 3 ms ago";
}

TEST(StoreClock, NeverGoesBack) {
  ManualClock clock;
  StoreClock store_clock(clock);
  const absl::Time first = store_clock.Now();
  store_clock.Set(first - absl::Seconds(10),
                  clock.Boottime());  // The store's clock is behind this machine's.
  EXPECT_EQ(store_clock.Now(), first) << "it waits until the store has caught up";
  clock.Advance(absl::Seconds(9));
  EXPECT_EQ(store_clock.Now(), first);
  clock.Advance(absl::Seconds(2));
  EXPECT_EQ(store_clock.Now(), first + absl::Seconds(1));
}

}  // namespace
}  // namespace orch::conductor
