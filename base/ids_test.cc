#include "base/ids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <sstream>
#include <type_traits>
#include <unordered_set>

#include "absl/container/flat_hash_set.h"
#include "base/manual_clock.h"
#include "base/status_matchers.h"

namespace orch {
namespace {

using FlowId = StrongId<struct FlowIdTag>;
using RunId = StrongId<struct RunIdTag>;

static_assert(!std::is_convertible_v<FlowId, RunId>, "two kinds of id cannot be swapped");
static_assert(!std::is_convertible_v<std::string, RunId>, "a text becomes an id only on purpose");

// Gives the bytes 0, 1, 2 … or, told to, 255 throughout.
class CountingRandom final : public Random {
 public:
  explicit CountingRandom(bool highest = false) : highest_(highest) {}
  uint64_t Next() override { return highest_ ? std::numeric_limits<uint64_t>::max() : 0; }
  void Fill(std::span<uint8_t> bytes) override {
    if (highest_) {
      std::fill(bytes.begin(), bytes.end(), 255);
    } else {
      std::iota(bytes.begin(), bytes.end(), 0);
    }
  }

 private:
  bool highest_;
};

TEST(StrongId, OrdersHashesAndPrintsAsItsTextDoes) {
  EXPECT_LT(RunId("a"), RunId("b"));
  EXPECT_EQ(RunId("a"), RunId(std::string("a")));
  EXPECT_TRUE(RunId().empty());
  EXPECT_EQ(absl::flat_hash_set<RunId>({RunId("a"), RunId("a"), RunId("b")}).size(), 2u);
  EXPECT_EQ(std::unordered_set<RunId>({RunId("a"), RunId("a"), RunId("b")}).size(), 2u);
  std::ostringstream out;
  out << RunId("run");
  EXPECT_EQ(out.str(), "run");
}

TEST(NewTimeId, IsTheTimeThenTheChance) {
  CountingRandom counting;
  CountingRandom highest(/*highest=*/true);
  EXPECT_EQ(NewTimeId(absl::FromUnixMillis(1'767'268'800'123), counting),
            "01kdwpvnkv000g40r40m30e209");
  EXPECT_EQ(NewTimeId(absl::InfiniteFuture(), highest), "7zzzzzzzzzzzzzzzzzzzzzzzzz");
  EXPECT_EQ(NewTimeId(absl::InfinitePast(), highest), "0000000000zzzzzzzzzzzzzzzz");
}

TEST(NewTimeId, SortsByTime) {
  SeededRandom random(3);
  ManualClock clock;
  std::string last;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewTimeId(clock, random);
    ASSERT_GT(id, last);
    last = id;
    clock.Advance(absl::Milliseconds(1 + i * i));
  }
}

TEST(NewTimeId, DiffersWithinAMillisecond) {
  SeededRandom random(3);
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(NewTimeId(absl::FromUnixSeconds(5), random));
  EXPECT_EQ(ids.size(), 1000u);
}

TEST(TimeOfId, GivesBackTheMillisecond) {
  SeededRandom random(3);
  const absl::Time now = absl::FromUnixMicros(1'767'268'800'123'999);
  const std::string id = NewTimeId(now, random);
  EXPECT_THAT(TimeOfId(id), IsOkAndHolds(absl::FromUnixMillis(1'767'268'800'123)));
  EXPECT_THAT(DayOfId(id), IsOkAndHolds(20454));
}

TEST(TimeOfId, RefusesWhatIsNoId) {
  const char* const wrong[] = {
      "",
      "01kdwpvnkv000g40r40m30e20",    // Too short.
      "01kdwpvnkv000g40r40m30e2090",  // Too long.
      "01KDWPVNKV000G40R40M30E209",   // Upper case.
      "01kdwpvnkv000g40r40m30e20u",   // No letter of the alphabet.
      "8zzzzzzzzzzzzzzzzzzzzzzzzz",   // More than 48 bits of time.
  };
  for (const char* id : wrong) {
    EXPECT_THAT(TimeOfId(id), StatusIs(absl::StatusCode::kInvalidArgument)) << id;
    EXPECT_THAT(DayOfId(id), StatusIs(absl::StatusCode::kInvalidArgument)) << id;
  }
}

TEST(DayOf, ChangesAtMidnightUtc) {
  EXPECT_EQ(DayOf(absl::UnixEpoch()), 0);
  EXPECT_EQ(DayOf(absl::UnixEpoch() - absl::Milliseconds(1)), -1);
  EXPECT_EQ(DayOf(absl::UnixEpoch() + absl::Hours(24) - absl::Milliseconds(1)), 0);
  EXPECT_EQ(DayOf(absl::UnixEpoch() + absl::Hours(24)), 1);
}

}  // namespace
}  // namespace orch
