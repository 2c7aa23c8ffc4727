#include <errno.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <variant>

#include "base/errors.h"
#include "base/overloaded.h"
#include "base/status_macros.h"
#include "base/status_matchers.h"

namespace orch {
namespace {

using testing::HasSubstr;
using testing::Not;

absl::StatusOr<int> Positive(int number) {
  if (number <= 0) return absl::InvalidArgumentError("give a number above 0");
  return number;
}

absl::Status Check(int number, int* reached) {
  ORCH_RETURN_IF_ERROR(Positive(number).status());
  ++*reached;
  return absl::OkStatus();
}

absl::StatusOr<int> Sum(int left, int right) {
  ORCH_ASSIGN_OR_RETURN(int sum, Positive(left));
  ORCH_ASSIGN_OR_RETURN(const int other, Positive(right));
  sum += other;
  ORCH_ASSIGN_OR_RETURN(sum, Positive(sum));
  return sum;
}

absl::StatusOr<std::unique_ptr<int>> Boxed(int number) { return std::make_unique<int>(number); }

absl::StatusOr<int> Unboxed(int number) {
  ORCH_ASSIGN_OR_RETURN(const std::unique_ptr<int> box, Boxed(number));
  return *box;
}

absl::StatusOr<int> SizeOfPair() {
  ORCH_ASSIGN_OR_RETURN(const auto pair,
                        absl::StatusOr<std::map<int, int>>(std::map<int, int>{{1, 2}, {3, 4}}));
  return static_cast<int>(pair.size());
}

TEST(StatusMacros, ReturnIfErrorGoesOnOnlyWhenOk) {
  int reached = 0;
  EXPECT_THAT(Check(1, &reached), IsOk());
  EXPECT_EQ(reached, 1);
  EXPECT_THAT(Check(0, &reached),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("above 0")));
  EXPECT_EQ(reached, 1);
}

TEST(StatusMacros, AssignOrReturnTakesTheValueOrTheError) {
  EXPECT_THAT(Sum(1, 2), IsOkAndHolds(3));
  EXPECT_THAT(Sum(1, -2), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Unboxed(5), IsOkAndHolds(5)) << "values may be move-only";
  EXPECT_THAT(SizeOfPair(), IsOkAndHolds(2)) << "expressions may hold commas";
}

TEST(StatusMatchers, TellOkFromNotOk) {
  EXPECT_THAT(absl::OkStatus(), IsOk());
  EXPECT_THAT(absl::AbortedError("x"), Not(IsOk()));
  EXPECT_THAT(absl::AbortedError("x"), Not(StatusIs(absl::StatusCode::kUnknown)));
  EXPECT_THAT(absl::AbortedError("x"), Not(StatusIs(absl::StatusCode::kAborted, HasSubstr("y"))));
  EXPECT_THAT(Positive(2), Not(IsOkAndHolds(3)));
  EXPECT_THAT(Positive(0), Not(IsOkAndHolds(0)));
  ORCH_ASSERT_OK_AND_ASSIGN(const int two, Positive(2));
  EXPECT_EQ(two, 2);
}

TEST(Errors, ErrnoSaysWhatTheCallerShouldDo) {
  struct Case {
    int error;
    absl::StatusCode code;
  };
  const Case cases[] = {
      {ENOENT, absl::StatusCode::kNotFound},
      {EEXIST, absl::StatusCode::kAlreadyExists},
      {ENOSPC, absl::StatusCode::kResourceExhausted},
      {EACCES, absl::StatusCode::kFailedPrecondition},
      {EINVAL, absl::StatusCode::kInvalidArgument},
      {ECONNREFUSED, absl::StatusCode::kUnavailable},
      {EBADF, absl::StatusCode::kInternal},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(ErrnoError(c.error, "open /x"), StatusIs(c.code, HasSubstr("cannot open /x: ")));
  }
}

TEST(Overloaded, AnswersEachAlternative) {
  const auto name = Overloaded{
      [](int) { return std::string("number"); },
      [](const std::string& text) { return text; },
  };
  using Value = std::variant<int, std::string>;
  EXPECT_EQ(std::visit(name, Value(1)), "number");
  EXPECT_EQ(std::visit(name, Value("text")), "text");
}

}  // namespace
}  // namespace orch
