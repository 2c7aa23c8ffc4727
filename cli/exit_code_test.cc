#include "cli/exit_code.h"

#include "gtest/gtest.h"

namespace orch::cli {
namespace {

TEST(ExitCode, EachKindOfErrorHasItsNumber) {
  const struct {
    absl::Status given;
    int then;
  } cases[] = {
      {absl::OkStatus(), 0},
      {absl::UnknownError("x"), 1},
      {absl::InternalError("x"), 1},
      {UsageError("x"), 2},
      {absl::NotFoundError("x"), 3},
      {absl::UnauthenticatedError("x"), 4},
      {absl::PermissionDeniedError("x"), 4},
      {absl::AlreadyExistsError("x"), 5},
      {absl::FailedPreconditionError("x"), 5},
      {absl::InvalidArgumentError("x"), 6},
      {absl::DeadlineExceededError("x"), 7},
      {absl::UnavailableError("x"), 8},
      {absl::CancelledError("x"), 130},
      {WithExitCode(absl::UnavailableError("busy"), kGeneric), 1},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.given.ToString());
    EXPECT_EQ(ExitCodeOf(c.given), c.then);
  }
}

TEST(ExitCode, ARunThatEndedHasTheNumberOfItsState) {
  EXPECT_EQ(ExitCodeOfState("SUCCESS", true), 0);
  EXPECT_EQ(ExitCodeOfState("FAILED", false), 10);
  EXPECT_EQ(ExitCodeOfState("KILLED", false), 11);
  EXPECT_EQ(ExitCodeOfState("CANCELLED", false), 12);
  EXPECT_EQ(ExitCodeOfState("WARNING", false), 0);
  EXPECT_EQ(ExitCodeOfState("WARNING", true), 13);
  EXPECT_EQ(ExitCodeOfState("RUNNING", false), 1);
}

}  // namespace
}  // namespace orch::cli
