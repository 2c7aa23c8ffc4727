#include "controlplane/store/claims.h"

#include "gtest/gtest.h"

namespace orch::store {
namespace {

using Outcome = Resolution::Outcome;

TEST(Claims, WhereTheShardsStandTellsWhatBecameOfABatch) {
  const Batch one = {.id = "b", .claims = {{.shard = 1, .epoch = 5, .sequence = 8}}};
  const Batch two = {.id = "b", .claims = {{1, 5, 8}, {2, 3, 4}}};
  struct Case {
    const char* name;
    Batch batch;
    std::vector<ShardStanding> standings;
    Outcome then;
  };
  const Case cases[] = {
      {"the batch is the last one", one, {{5, 8, "b"}}, Outcome::kCommitted},
      {"the one before it is the last", one, {{5, 7, "a"}}, Outcome::kNotDone},
      {"another stands in its place", one, {{5, 8, "c"}}, Outcome::kFenced},
      {"the shard has gone on", one, {{5, 9, "c"}}, Outcome::kFenced},
      {"another owner, before it", one, {{6, 7, "a"}}, Outcome::kFenced},
      {"another owner, after it", one, {{6, 8, "b"}}, Outcome::kFenced},
      {"a batch was skipped", one, {{5, 6, "a"}}, Outcome::kFenced},
      {"there is no such shard", one, {{}}, Outcome::kFenced},
      {"both shards have it", two, {{5, 8, "b"}, {3, 4, "b"}}, Outcome::kCommitted},
      {"neither has it", two, {{5, 7, "a"}, {3, 3, "a"}}, Outcome::kNotDone},
      {"one waits, one is lost", two, {{5, 7, "a"}, {4, 3, "a"}}, Outcome::kFenced},
      {"one has it, one is lost", two, {{5, 8, "b"}, {4, 4, "b"}}, Outcome::kFenced},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Judge(c.batch, c.standings), c.then);
  }
}

TEST(Claims, ShardsAreClaimedOnceInOrder) {
  EXPECT_TRUE(CheckClaims({.claims = {{1, 1, 1}, {2, 1, 1}}}).ok());
  EXPECT_FALSE(CheckClaims({.claims = {}}).ok());
  EXPECT_FALSE(CheckClaims({.claims = {{1, 1, 1}, {1, 1, 1}}}).ok());
  EXPECT_FALSE(CheckClaims({.claims = {{2, 1, 1}, {1, 1, 1}}}).ok());
}

TEST(Claims, ShardsShareTheBucketsEvenly) {
  for (const int count : {1, 3, 4, 16, 1'024}) {
    SCOPED_TRACE(count);
    const std::vector<BucketRange> ranges = SplitBuckets(count);
    ASSERT_EQ(ranges.size(), static_cast<size_t>(count));
    uint32_t next = 0;
    for (const BucketRange& range : ranges) {
      EXPECT_EQ(range.first, next);
      EXPECT_NEAR(range.last - range.first + 1, 65'536.0 / count, 1.0);
      next = range.last + 1;
    }
    EXPECT_EQ(next, 65'536u);
  }
}

}  // namespace
}  // namespace orch::store
