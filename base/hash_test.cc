#include "base/hash.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace orch {
namespace {

// Stored rows carry these values: a change here loses every flow its shard.
TEST(StableHash, NeverChanges) {
  EXPECT_EQ(StableHash(""), 0xefd01f60ba992926u);
  EXPECT_EQ(StableHash("a"), 0x82a2a958a9bece5bu);
  EXPECT_EQ(StableHash("orch"), 0xc5c1b6918cb56540u);
  EXPECT_EQ(BucketOf("main", "company.team", "hello"), 26028);
  EXPECT_EQ(BucketOfKey("orch"), 0xc5c1);
}

TEST(BucketOf, KeepsPartsApart) {
  EXPECT_NE(BucketOf("main", "a", "bc"), BucketOf("main", "ab", "c"));
  EXPECT_NE(BucketOf("a", "main", "b"), BucketOf("main", "a", "b"));
}

TEST(BucketOf, SpreadsFlowsEvenlyOverShards) {
  std::array<int, 16> shards{};
  for (int i = 0; i < 16'000; ++i) {
    ++shards[BucketOf("main", "company.team", "flow_" + std::to_string(i)) >> 12];
  }
  for (const int count : shards) EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace orch
