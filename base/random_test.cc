#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

namespace orch {
namespace {

TEST(SeededRandom, GivesTheSameNumbersInEveryRelease) {
  SeededRandom random(1);  // Computed by another implementation.
  EXPECT_EQ(random.Next(), 0xb3f2af6d0fc710c5u);
  EXPECT_EQ(random.Next(), 0x853b559647364ceau);
  EXPECT_EQ(random.Next(), 0x92f89756082a4514u);
}

TEST(SeededRandom, FillsWithTheBytesOfItsNumbers) {
  SeededRandom random(1);
  std::array<uint8_t, 10> bytes;
  random.Fill(bytes);
  EXPECT_EQ(bytes, (std::array<uint8_t, 10>{0xc5, 0x10, 0xc7, 0x0f, 0x6d, 0xaf, 0xf2, 0xb3,  //
                                            0xea, 0x4c}));
}

TEST(SeededRandom, AnotherSeedGivesOtherNumbers) {
  std::set<uint64_t> firsts;
  for (uint64_t seed = 0; seed < 1000; ++seed) firsts.insert(SeededRandom(seed).Next());
  EXPECT_EQ(firsts.size(), 1000u);
}

TEST(Random, BelowReachesEveryNumberAndNoOther) {
  SeededRandom random(7);
  std::array<int, 3> counts{};
  for (int i = 0; i < 3000; ++i) {
    const uint64_t drawn = random.Below(3);
    ASSERT_LT(drawn, 3u);
    ++counts[drawn];
  }
  for (const int count : counts) EXPECT_NEAR(count, 1000, 120);
  EXPECT_EQ(random.Below(1), 0u);
}

TEST(Random, BelowIsFairWhereALimitDoesNotDivideTheRange) {
  // Three quarters of 2^64: without drawing again, the lower third would come up half the time.
  constexpr uint64_t limit = uint64_t{3} << 62;
  SeededRandom random(7);
  int low = 0;
  for (int i = 0; i < 3000; ++i) low += random.Below(limit) < limit / 3;
  EXPECT_NEAR(low, 1000, 120);
}

TEST(Random, UnitStaysBelowOne) {
  SeededRandom random(7);
  double sum = 0;
  for (int i = 0; i < 10'000; ++i) {
    const double drawn = random.Unit();
    ASSERT_GE(drawn, 0.0);
    ASSERT_LT(drawn, 1.0);
    sum += drawn;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.02);
}

TEST(SystemRandom, FillsEveryByte) {
  SystemRandom random;
  // A byte that were never written would be zero in all of a hundred rounds.
  std::vector<uint8_t> seen(300, 0);
  for (int round = 0; round < 100; ++round) {
    std::vector<uint8_t> bytes(seen.size(), 0);
    random.Fill(bytes);
    for (size_t i = 0; i < bytes.size(); ++i) seen[i] |= bytes[i];
  }
  for (const uint8_t byte : seen) EXPECT_NE(byte, 0);
  EXPECT_NE(random.Next(), random.Next());
}

}  // namespace
}  // namespace orch
