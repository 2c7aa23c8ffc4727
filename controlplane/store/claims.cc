#include "controlplane/store/claims.h"

#include <algorithm>

#include "controlplane/store/errors.h"

namespace orch::store {
namespace {

constexpr uint32_t kBucketCount = 65'536;
constexpr int kShardCountMax = 1'024;

}  // namespace

Resolution::Outcome Judge(const Batch& batch, const std::vector<ShardStanding>& standings) {
  size_t done_count = 0;
  size_t open_count = 0;
  for (size_t i = 0; i < batch.claims.size() && i < standings.size(); ++i) {
    const ShardClaim& claim = batch.claims[i];
    const ShardStanding& shard = standings[i];
    if (shard.epoch != claim.epoch) continue;
    if (shard.sequence == claim.sequence && shard.batch == batch.id) ++done_count;
    if (shard.sequence == claim.sequence - 1) ++open_count;
  }
  if (done_count == batch.claims.size()) return Resolution::Outcome::kCommitted;
  if (open_count == batch.claims.size()) return Resolution::Outcome::kNotDone;
  return Resolution::Outcome::kFenced;
}

absl::Status CheckClaims(const Batch& batch) {
  const auto out_of_order = [](const ShardClaim& a, const ShardClaim& b) {
    return a.shard >= b.shard;
  };
  const bool good = !batch.claims.empty() &&
                    std::adjacent_find(batch.claims.begin(), batch.claims.end(), out_of_order) ==
                        batch.claims.end();
  return good ? absl::OkStatus() : BadClaims(batch.id);
}

std::vector<BucketRange> SplitBuckets(int shard_count) {
  const uint32_t count = static_cast<uint32_t>(std::clamp(shard_count, 1, kShardCountMax));
  std::vector<BucketRange> ranges;
  for (uint32_t i = 0; i < count; ++i) {
    ranges.push_back({.shard = static_cast<int>(i),
                      .first = i * kBucketCount / count,
                      .last = (i + 1) * kBucketCount / count - 1});
  }
  return ranges;
}

}  // namespace orch::store
