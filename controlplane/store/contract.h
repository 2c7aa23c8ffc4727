// The suite that every keeper of a Store passes.
//
// A keeper's test links the suite and names itself:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, testing::Values(KeeperUnderTest{…}), NameOf);
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "controlplane/store/store.h"
#include "gtest/gtest.h"

namespace orch::store {

// A store of four shards, empty at first, and what tests may do to it.
class Keeper {
 public:
  virtual ~Keeper() = default;
  virtual Store& store() = 0;

  // Lets go of the store as a process that dies does, and opens the same data anew.
  virtual void Reopen() = 0;

  // Which refusals can be provoked; kBadRow is the suite's own.
  virtual std::vector<Refusal> refusals() const = 0;
  // From now on commits with task runs are refused so, until Relent.
  virtual void Refuse(Refusal refusal) = 0;
  virtual void Relent() = 0;

  // Makes the stored head undecodable.
  virtual void BreakHead(const std::string& execution_id) = 0;

  // Whether a NUL in a key cannot be stored.
  virtual bool refuses_nul() const = 0;
};

struct KeeperUnderTest {
  std::string name;
  std::function<std::unique_ptr<Keeper>()> make;
};
inline void PrintTo(const KeeperUnderTest& keeper, std::ostream* out) { *out << keeper.name; }

// Commit and Resolve, waited for.
CommitResult CommitNow(Store& store, const Batch& batch);
Resolution ResolveNow(Store& store, const Batch& batch);

// Takes the shards and writes batch after batch.
class Writer {
 public:
  Writer(Store& store, std::string owner);
  // The next batch of shard 0.
  Batch Next(Rows rows);
  // Commits the next batch; fails the test when that fails.
  void Put(Rows rows);
  // What was committed is counted.
  void Committed() { ++sequence_; }
  const std::vector<Shard>& shards() const { return shards_; }

 private:
  Store& store_;
  std::vector<Shard> shards_;
  int64_t sequence_ = 0;
  std::string owner_;
};

// Rows for tests; ids are drawn at `at`.
std::string TestId(int number, absl::Time at = absl::FromUnixSeconds(1'790'000'000));
v1::ExecutionHead TestHead(const std::string& id);
v1::TaskRun TestRun(const std::string& execution_id, int64_t number);

class StoreContract : public testing::TestWithParam<KeeperUnderTest> {
 protected:
  void SetUp() override { keeper_ = GetParam().make(); }
  Store& store() { return keeper_->store(); }
  Keeper& keeper() { return *keeper_; }

 private:
  std::unique_ptr<Keeper> keeper_;
};

}  // namespace orch::store
