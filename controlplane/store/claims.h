// What a batch claims, held against where its shards stand: the same judgement in every keeper.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/store/store.h"

namespace orch::store {

// A shard's row, as far as claims are about it. Epoch -1: there is no such shard.
struct ShardStanding {
  int64_t epoch = -1;
  int64_t sequence = 0;
  std::string batch;
};

// Whether `batch` happened. `standings` are those of its claims, in order, read when no
// commit of it is under way any more.
Resolution::Outcome Judge(const Batch& batch, const std::vector<ShardStanding>& standings);

// kInvalidArgument: no claim, or claims not in rising order of shard.
absl::Status CheckClaims(const Batch& batch);

// The buckets of a new store's shards, in equal parts.
struct BucketRange {
  int shard = 0;
  uint32_t first = 0;
  uint32_t last = 0;
};
std::vector<BucketRange> SplitBuckets(int shard_count);

}  // namespace orch::store
