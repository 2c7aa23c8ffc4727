#include "controlplane/engine/names.h"

#include <limits>

#include "base/status_matchers.h"

namespace orch::engine {
namespace {

TEST(Names, ARunIsItsExecutionAndItsNumberInBase36) {
  EXPECT_EQ(RunId("e1", 0), "e1-0");
  EXPECT_EQ(RunId("e1", 35), "e1-z");
  EXPECT_EQ(RunId("e-1", 36), "e-1-10");
  EXPECT_EQ(AttemptId("e1", 36, 2), "e1-10/2");
}

TEST(Names, EveryNameReadsBack) {
  for (const int64_t number : {int64_t{0}, int64_t{1}, int64_t{35}, int64_t{36}, int64_t{100'000},
                               std::numeric_limits<int64_t>::max()}) {
    ORCH_ASSERT_OK_AND_ASSIGN(const RunName run, ParseRunId(RunId("0abc-d", number)));
    EXPECT_EQ(run.execution_id, "0abc-d");
    EXPECT_EQ(run.number, number);
    ORCH_ASSERT_OK_AND_ASSIGN(const AttemptName attempt, ParseAttemptId(AttemptId("x", number, 3)));
    EXPECT_EQ(attempt.number, number);
    EXPECT_EQ(attempt.attempt, 3);
  }
}

TEST(Names, AnythingElseIsRefused) {
  for (const char* text : {"", "e1", "-1", "e1-", "e1-01", "e1-A", "e1- 1", "e1-1y2p0ij32e8e8"}) {
    EXPECT_THAT(ParseRunId(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
  for (const char* text :
       {"e1-1", "e1-1/", "e1-1/0", "e1-1/01", "e1-1/x", "e1/1", "e1-1/99999999999"}) {
    EXPECT_THAT(ParseAttemptId(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace orch::engine
