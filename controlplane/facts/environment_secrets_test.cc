#include "controlplane/facts/environment_secrets.h"

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::facts {
namespace {

const EnvironmentSecrets kSecrets({"SECRET_MY_SECRET=aGVsbG8tc2VjcmV0", "SECRET_FOLDED=aGVs\nbG8=",
                                   "SECRET_PLAIN=not base64!", "PATH=/bin", "SECRETS=x"});

TEST(EnvironmentSecrets, ANameIsFoundInAnyCaseOfLetters) {
  EXPECT_THAT(kSecrets.Get("MY_SECRET"), IsOkAndHolds("hello-secret"));
  EXPECT_THAT(kSecrets.Get("my_secret"), IsOkAndHolds("hello-secret"));
}

TEST(EnvironmentSecrets, LineBreaksInsideAValueAreDropped) {
  EXPECT_THAT(kSecrets.Get("FOLDED"), IsOkAndHolds("hello"));
}

TEST(EnvironmentSecrets, WhatIsMissingSaysWhichVariableToSet) {
  const auto missing = kSecrets.Get("other");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), testing::HasSubstr("SECRET_OTHER"));
}

TEST(EnvironmentSecrets, AValueThatIsNoBase64IsRefusedWithoutShowingIt) {
  const auto bad = kSecrets.Get("PLAIN");
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(bad.status().message()), testing::Not(testing::HasSubstr("not base64!")));
}

}  // namespace
}  // namespace orch::facts
