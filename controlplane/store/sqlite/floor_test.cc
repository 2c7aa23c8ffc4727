#include "controlplane/store/sqlite/floor.h"

#include <cstdlib>
#include <filesystem>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::store::sqlite {
namespace {

TEST(Floor, TellsARateAndTheTimeOfEachCommit) {
  const char* below = std::getenv("TEST_TMPDIR");
  const std::string folder = std::string(below != nullptr ? below : "/tmp") + "/floor";
  std::filesystem::create_directories(folder);
  ORCH_ASSERT_OK_AND_ASSIGN(const double rate, UpsertRunsPerSecond(folder, 5'000));
  EXPECT_GT(rate, 100);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto micros, SingleCommitMicros(folder, 20));
  ASSERT_EQ(micros.size(), 20u);
  for (const int64_t one : micros) EXPECT_GT(one, 0);
  RecordProperty("rows_per_second", static_cast<int>(rate));
}

}  // namespace
}  // namespace orch::store::sqlite
