#include "controlplane/api/json/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/api/json/errors.h"
#include "controlplane/api/json/times.h"
#include "orch/v1/execution_service.pb.h"
#include "orch/v1/flow_service.pb.h"
#include "orch/v1/kv_service.pb.h"
#include "orch/v1/log_service.pb.h"

namespace orch::api::json {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Encode, WhatIsNotSetIsAbsentUnlessItIsAlwaysThere) {
  v1::Execution execution;
  EXPECT_EQ(ToJson(execution), R"({"deleted":false,"taskRunCount":0})");
  EXPECT_EQ(ToJson(v1::ExecutionPage()), R"({"results":[],"total":0})");
}

TEST(Encode, WritesTimesSpansWordsAndLargeIntegersAsKestraDoes) {
  v1::Execution execution;
  execution.set_id("e1");
  execution.set_task_run_count(9'007'199'254'740'993);
  execution.mutable_state()->set_current(v1::RUNNING);
  execution.mutable_state()->mutable_start_date()->set_micros(1'767'225'600'123'456);
  execution.mutable_state()->mutable_duration()->set_micros(90'500'000);
  EXPECT_EQ(ToJson(execution), R"({"id":"e1","state":{"current":"RUNNING","histories":[],)"
                               R"("startDate":"2026-01-01T00:00:00.123Z","duration":"PT1M30.5S"},)"
                               R"("deleted":false,"taskRunCount":9007199254740993})");
}

TEST(Encode, AUsersValuePassesByteForByte) {
  v1::Outputs outputs;
  const std::string text = R"({ "b" : 1.10, "a": null, "n": 123456789012345678901234567890 })";
  outputs.mutable_outputs()->set_utf8(text);
  EXPECT_EQ(ToJson(outputs), R"({"outputs":)" + text + "}");
}

TEST(Encode, MembersOfASplicedObjectStandBesideFieldsThatWin) {
  v1::Flow flow;
  flow.set_id("f");
  flow.set_revision(3);
  flow.mutable_document()->set_utf8(
      R"({"id":"other","revision":9,"disabled":true,"tasks":[{"id":"t"}],"x y":"\u0041"})");
  EXPECT_EQ(ToJson(flow), R"({"id":"f","revision":3,"disabled":false,"deleted":false,)"
                          R"("tasks":[{"id":"t"}],"x y":"\u0041"})");
}

TEST(Encode, APresentZeroIsWrittenAndAnAbsentOneIsNot) {
  v1::LogEntry entry;
  EXPECT_EQ(ToJson(entry), R"({"message":""})");
  entry.set_attempt_number(0);
  EXPECT_EQ(ToJson(entry), R"({"attemptNumber":0,"message":""})");
}

TEST(Encode, BytesThatAreNoUtf8BecomeTheReplacementCharacter) {
  EXPECT_EQ(Quoted("a\xff\"\n\x01é"), "\"a\xEF\xBF\xBD\\\"\\n\\u0001é\"");
  EXPECT_EQ(Quoted("\xed\xa0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(Decode, FillsAMessageAndTellsWhatItDoesNotKnow) {
  v1::SearchExecutionsRequest request;
  std::vector<std::string> unknown;
  ASSERT_TRUE(Decode(R"({"flowId":"f","size":25,"state":["FAILED","KILLED"],"nope":{"a":[1]},
                         "startDate":"2026-01-01T01:00:00+01:00","timeRange":"PT1H",
                         "filters":[{"field":"q","deep":1}],"q":null})",
                     &request, &unknown)
                  .ok());
  EXPECT_EQ(request.flow_id(), "f");
  EXPECT_EQ(request.size(), 25);
  EXPECT_THAT(request.state(), ElementsAre(v1::FAILED, v1::KILLED));
  EXPECT_EQ(request.start_date().micros(), 1'767'225'600'000'000);
  EXPECT_EQ(request.time_range().micros(), 3'600'000'000);
  EXPECT_EQ(request.q(), "");
  EXPECT_THAT(unknown, ElementsAre("nope", "filters[0].deep"));
}

TEST(Decode, AJsonFieldKeepsItsBytes) {
  v1::CreateExecutionRequest request;
  ASSERT_TRUE(
      Decode("{\"inputs\": { \"a\" : [1.0, null,\"]}\\\"\"] } ,\"wait\":true}", &request).ok());
  EXPECT_EQ(request.inputs().utf8(), "{ \"a\" : [1.0, null,\"]}\\\"\"] }");
  EXPECT_TRUE(request.wait());
}

TEST(Decode, EachWrongValueNamesItsPlace) {
  struct Case {
    const char* name;
    const char* text;
    const char* path;
  };
  const Case cases[] = {
      {"a text for an integer", R"({"size":"x"})", "size"},
      {"a fraction for an integer", R"({"size":1.5})", "size"},
      {"an integer that is too large", R"({"size":3000000000})", "size"},
      {"an unknown word", R"({"state":["RUNNING","RAN"]})", "state[1]"},
      {"the word that means none", R"({"state":["STATE_UNSPECIFIED"]})", "state[0]"},
      {"no list", R"({"state":"RUNNING"})", "state"},
      {"a number for a text", R"({"q":1})", "q"},
      {"an object for a text", R"({"q":{}})", "q"},
      {"a date without a zone", R"({"startDate":"2026-01-01T00:00:00"})", "startDate"},
      {"a span that is none", R"({"timeRange":"1h"})", "timeRange"},
      {"inside an element", R"({"filters":[{},{"field":[]}]})", "filters[1].field"},
      {"a null element", R"({"filters":[null]})", "filters[0]"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    v1::SearchExecutionsRequest request;
    const absl::Status status = Decode(c.text, &request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(PathOf(status), c.path) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.path));
  }
}

TEST(Decode, IntegersMayBeWrittenInEveryWayThatIsExact) {
  for (const char* text :
       {R"({"size":10})", R"({"size":"10"})", R"({"size":1e1})", R"({"size":10.0})"}) {
    v1::SearchExecutionsRequest request;
    EXPECT_TRUE(Decode(text, &request).ok()) << text;
    EXPECT_EQ(request.size(), 10) << text;
  }
}

TEST(CheckJson, RefusesWhatIsNoJson) {
  for (const char* text :
       {"", " ", "{", "{\"a\":1,}", "[1 2]", "{} {}", "nul", "'a'", "01", "\"\x01\"", "\"\xff\"",
        "\"\\ud800\"", "// c\n1", "NaN", "\"a", "{\"a\"}"}) {
    EXPECT_EQ(CheckJson(text).code(), absl::StatusCode::kInvalidArgument) << text;
  }
  for (const char* text : {"1", " null ", "\"\\ud83d\\ude00\"", "{\"a\":[{}]}", "-0.5e-7",
                           "123456789012345678901234567890"}) {
    EXPECT_TRUE(CheckJson(text).ok()) << text;
  }
}

TEST(CheckJson, StopsAtEachBudget) {
  JsonBudget budget;
  budget.depth_max = 3;
  EXPECT_TRUE(CheckJson("[[[1]]]", budget).ok());
  EXPECT_EQ(CheckJson("[[[[1]]]]", budget).code(), absl::StatusCode::kResourceExhausted);
  budget.node_count_max = 4;
  EXPECT_TRUE(CheckJson("[1,2,3]", budget).ok());
  EXPECT_EQ(CheckJson("[1,2,3,4]", budget).code(), absl::StatusCode::kResourceExhausted);
  budget.bytes_max = 3;
  EXPECT_EQ(CheckJson("1234", budget).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(CheckJson(std::string(100'000, '[')).code(), absl::StatusCode::kResourceExhausted);
}

TEST(Cursor, DecodesEscapes) {
  EXPECT_EQ(Unquote(R"("a\"\\\/\b\f\n\r\t\u0041\ud83d\ude00")"), "a\"\\/\b\f\n\r\tA😀");
}

TEST(SetFromText, TakesQueryParameters) {
  v1::SearchExecutionsRequest request;
  const auto set = [&](const char* field, const char* text) {
    return SetFromText(text, *request.GetDescriptor()->FindFieldByName(field), &request);
  };
  EXPECT_TRUE(set("state", "RUNNING").ok());
  EXPECT_TRUE(set("state", "FAILED").ok());
  EXPECT_TRUE(set("page", "2").ok());
  EXPECT_EQ(PathOf(set("page", "two")), "page");
  EXPECT_EQ(PathOf(set("start_date", "yesterday")), "startDate");
  EXPECT_THAT(request.state(), ElementsAre(v1::RUNNING, v1::FAILED));
}

TEST(Spans, AreWrittenAndReadAsIso) {
  struct Case {
    int64_t micros;
    const char* text;
  };
  const Case cases[] = {{0, "PT0S"},
                        {500'000, "PT0.5S"},
                        {90'500'000, "PT1M30.5S"},
                        {172'800'000'000, "PT48H"},
                        {3'661'000'001, "PT1H1M1.000001S"},
                        {-1'500'000, "-PT1.5S"}};
  for (const Case& c : cases) {
    EXPECT_EQ(SpanText(c.micros), c.text);
    EXPECT_EQ(ParseSpan(c.text), c.micros) << c.text;
  }
  EXPECT_EQ(ParseSpan("P1DT2H"), 93'600'000'000);
  EXPECT_EQ(ParseSpan("P1W"), 604'800'000'000);
  for (const char* text : {"", "P", "PT", "1S", "PT1", "PT1D", "P1H", "PT1S1M", "PT1.5M",
                           "P99999999999999999D", "PTS", "PT1ST", "P1000000D"}) {
    EXPECT_EQ(ParseSpan(text), std::nullopt) << text;
  }
}

TEST(Instants, NeedAZone) {
  EXPECT_EQ(ParseInstant("2026-01-01T00:00:00Z"), 1'767'225'600'000'000);
  EXPECT_EQ(ParseInstant("2026-01-01T00:00Z"), 1'767'225'600'000'000);
  for (const char* text : {"2026-01-01", "infinite-future", "2026-01-01T00:00:00", ""}) {
    EXPECT_EQ(ParseInstant(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace orch::api::json
