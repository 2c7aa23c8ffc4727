#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

namespace orch {
namespace {

using testing::EndsWith;
using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  ~LogTest() override {
    SetLogLevel(LogLevel::kInfo);
    SetLogFormat(LogFormat::kText);
  }

  std::string Written(const std::function<void()>& work) {
    testing::internal::CaptureStderr();
    work();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, WritesTimeLevelMessageAndFields) {
  const std::string line = Written([] {
    Log(LogLevel::kWarning, "lease expired",
        {{"task_run", "r1"}, {"session", std::string("a b")}, {"lost", 2}, {"again", true}});
  });
  EXPECT_THAT(line, MatchesRegex("20[0-9-]+T[0-9:]+\\.[0-9][0-9][0-9]Z warning lease expired "
                                 "task_run=r1 session=\"a b\" lost=2 again=true\n"));
}

TEST_F(LogTest, WritesAnObjectPerLineAsJson) {
  SetLogFormat(LogFormat::kJson);
  const std::string line = Written([] {
    Log(LogLevel::kError, "say \"no\"", {{"n", 1.5}, {"bad", 1.0 / 0.0}, {"path", "a\\b"}});
  });
  EXPECT_THAT(line, EndsWith("\"level\":\"error\",\"message\":\"say \\\"no\\\"\",\"n\":1.5,"
                             "\"bad\":\"inf\",\"path\":\"a\\\\b\"}\n"));
}

TEST_F(LogTest, NoValueCanForgeALine) {
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    SetLogFormat(format);
    const std::string line = Written(
        [] { Log(LogLevel::kInfo, "one\ntwo", {{"value", "x\n2026 error forged\x1b[31m"}}); });
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
  }
}

TEST_F(LogTest, KeepsQuietBelowTheLevel) {
  EXPECT_EQ(Written([] { Log(LogLevel::kDebug, "detail"); }), "");
  EXPECT_FALSE(LogEnabled(LogLevel::kDebug));
  SetLogLevel(LogLevel::kDebug);
  EXPECT_THAT(Written([] { Log(LogLevel::kDebug, "detail"); }), EndsWith(" debug detail\n"));
  SetLogLevel(LogLevel::kOff);
  EXPECT_EQ(Written([] { Log(LogLevel::kError, "trouble"); }), "");
}

}  // namespace
}  // namespace orch
