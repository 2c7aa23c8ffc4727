// Matchers for absl::Status and absl::StatusOr, for tests alone.
//
//   EXPECT_THAT(store.Open(), IsOk());
//   EXPECT_THAT(ReadNumber("7"), IsOkAndHolds(7));
//   EXPECT_THAT(ReadNumber("x"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'x'")));
//   ORCH_ASSERT_OK_AND_ASSIGN(const Flow flow, ReadFlow(yaml));
#pragma once

#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch {
namespace status_matchers_internal {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }

template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

// Matches whatever StatusOf accepts.
class StatusMatcher {
 public:
  using is_gtest_matcher = void;

  StatusMatcher(testing::Matcher<absl::StatusCode> code,
                testing::Matcher<const std::string&> message)
      : code_(std::move(code)), message_(std::move(message)) {}

  template <typename T>
  bool MatchAndExplain(const T& actual, testing::MatchResultListener* listener) const {
    const absl::Status& status = StatusOf(actual);
    *listener << "which is " << status.ToString();
    return code_.Matches(status.code()) && message_.Matches(std::string(status.message()));
  }

  void DescribeTo(std::ostream* out) const { Describe(out, "is"); }
  void DescribeNegationTo(std::ostream* out) const { Describe(out, "is not"); }

 private:
  void Describe(std::ostream* out, const char* verb) const {
    *out << verb << " a status whose code ";
    code_.DescribeTo(out);
    *out << " and whose message ";
    message_.DescribeTo(out);
  }

  testing::Matcher<absl::StatusCode> code_;
  testing::Matcher<const std::string&> message_;
};

template <typename ValueMatcher>
class OkAndHoldsMatcher {
 public:
  explicit OkAndHoldsMatcher(ValueMatcher value) : value_(std::move(value)) {}

  template <typename Result>
  operator testing::Matcher<Result>() const {  // NOLINT: gmock needs it implicit.
    return testing::Matcher<Result>(new Typed<Result>(value_));
  }

 private:
  template <typename Result>
  class Typed : public testing::MatcherInterface<Result> {
   public:
    using Value = typename std::decay_t<Result>::value_type;
    explicit Typed(const ValueMatcher& value)
        : value_(testing::SafeMatcherCast<const Value&>(value)) {}

    bool MatchAndExplain(Result actual, testing::MatchResultListener* listener) const override {
      if (!actual.ok()) {
        *listener << "which is " << actual.status().ToString();
        return false;
      }
      return testing::ExplainMatchResult(value_, *actual, listener);
    }

    void DescribeTo(std::ostream* out) const override {
      *out << "is OK and holds a value that ";
      value_.DescribeTo(out);
    }

    void DescribeNegationTo(std::ostream* out) const override {
      *out << "is not OK, or holds a value that ";
      value_.DescribeNegationTo(out);
    }

   private:
    testing::Matcher<const Value&> value_;
  };

  ValueMatcher value_;
};

}  // namespace status_matchers_internal

// The Status or StatusOr is OK.
inline auto IsOk() {
  return status_matchers_internal::StatusMatcher(testing::Eq(absl::StatusCode::kOk), testing::_);
}

// The Status or StatusOr has this code, and a message that matches.
inline auto StatusIs(testing::Matcher<absl::StatusCode> code,
                     testing::Matcher<const std::string&> message = testing::_) {
  return status_matchers_internal::StatusMatcher(std::move(code), std::move(message));
}

// The StatusOr is OK, and its value matches.
template <typename ValueMatcher>
auto IsOkAndHolds(ValueMatcher value) {
  return status_matchers_internal::OkAndHoldsMatcher<ValueMatcher>(std::move(value));
}

}  // namespace orch

#define ORCH_EXPECT_OK(...) EXPECT_THAT((__VA_ARGS__), ::orch::IsOk())
#define ORCH_ASSERT_OK(...) ASSERT_THAT((__VA_ARGS__), ::orch::IsOk())

// Gives the value a name, or ends the test.
#define ORCH_ASSERT_OK_AND_ASSIGN(declaration, ...) \
  ORCH_ASSERT_OK_AND_ASSIGN_NAMED_(ORCH_JOIN_(orch_status_or_, __LINE__), declaration, __VA_ARGS__)

#define ORCH_ASSERT_OK_AND_ASSIGN_NAMED_(result, declaration, ...) \
  auto result = (__VA_ARGS__);                                     \
  ASSERT_THAT(result, ::orch::IsOk());                             \
  declaration = *std::move(result)
