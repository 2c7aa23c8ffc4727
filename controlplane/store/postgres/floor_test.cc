#include "controlplane/store/postgres/floor.h"

#include "base/status_matchers.h"
#include "controlplane/store/postgres/postgres_store.h"
#include "controlplane/store/postgres/test_server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::store::postgres {
namespace {

TEST(Floor, TellsARateAndTheTimeOfEachCommit) {
  ORCH_ASSERT_OK_AND_ASSIGN(const auto server, TestServer::Start());
  ORCH_ASSERT_OK_AND_ASSIGN(const std::string name, server->NewDatabase());
  const std::string conninfo = server->ConnInfo(name);
  ORCH_ASSERT_OK(PostgresStore::Open({.conninfo = conninfo, .days_ahead = 0}));
  ORCH_ASSERT_OK_AND_ASSIGN(const double rate, UpsertRunsPerSecond(conninfo, 5'000));
  EXPECT_GT(rate, 100);
  ORCH_ASSERT_OK_AND_ASSIGN(const auto micros, SingleCommitMicros(conninfo, 20));
  ASSERT_EQ(micros.size(), 20u);
  for (const int64_t one : micros) EXPECT_GT(one, 0);
}

}  // namespace
}  // namespace orch::store::postgres
