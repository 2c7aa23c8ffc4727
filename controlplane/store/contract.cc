#include "controlplane/store/contract.h"

#include <future>

#include "base/status_matchers.h"

namespace orch::store {

CommitResult CommitNow(Store& store, const Batch& batch) {
  auto promise = std::make_shared<std::promise<CommitResult>>();
  store.Commit(batch, [promise](CommitResult result) { promise->set_value(std::move(result)); });
  return promise->get_future().get();
}

Resolution ResolveNow(Store& store, const Batch& batch) {
  auto promise = std::make_shared<std::promise<Resolution>>();
  store.Resolve(batch, [promise](Resolution answer) { promise->set_value(std::move(answer)); });
  return promise->get_future().get();
}

Writer::Writer(Store& store, std::string owner) : store_(store), owner_(std::move(owner)) {
  absl::StatusOr<std::vector<Shard>> shards = store_.TakeShards(owner_, absl::Hours(1));
  EXPECT_THAT(shards, IsOk());
  if (shards.ok()) shards_ = *std::move(shards);
  EXPECT_THAT(shards_, testing::SizeIs(4));
  if (!shards_.empty()) sequence_ = shards_[0].sequence;
}

Batch Writer::Next(Rows rows) {
  Batch batch{.id = owner_ + "-" + std::to_string(sequence_ + 1), .rows = std::move(rows)};
  if (!shards_.empty()) {
    batch.claims.push_back({shards_[0].id, shards_[0].epoch, sequence_ + 1});
  }
  return batch;
}

void Writer::Put(Rows rows) {
  const CommitResult result = CommitNow(store_, Next(std::move(rows)));
  ASSERT_EQ(result.outcome, CommitResult::Outcome::kCommitted) << result.message;
  Committed();
}

}  // namespace orch::store
