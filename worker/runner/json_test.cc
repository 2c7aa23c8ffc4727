#include "worker/runner/json.h"

#include "base/status_matchers.h"

namespace orch::worker {
namespace {

TEST(Json, KeepsDigitsAndOrder) {
  ORCH_ASSERT_OK_AND_ASSIGN(
      const auto members,
      ReadJsonObject(
          R"( { "b" : 123456789012345678901234567890 , "a":1.50,"c":{"x":[1,"},"]} } )"));
  ASSERT_EQ(members.size(), 3u);
  EXPECT_EQ(members[0].name, "b");
  EXPECT_EQ(members[0].value, "123456789012345678901234567890");
  EXPECT_EQ(members[1].value, "1.50");
  EXPECT_EQ(members[2].value, R"({"x":[1,"},"]})");
}

TEST(Json, OfEqualNamesTheLastOneHolds) {
  ORCH_ASSERT_OK_AND_ASSIGN(const auto members, ReadJsonObject(R"({"a":1,"b":2,"\u0061":3})"));
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].value, "3");
}

TEST(Json, RefusesWhatIsBrokenOrTooDeep) {
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += "{\"a\":";
  deep += "1";
  for (int i = 0; i < 70; ++i) deep += "}";
  for (const std::string& text : {std::string(), std::string("{"), std::string("[1]"),
                                  std::string("{\"a\":}"), std::string("{} x"), deep}) {
    SCOPED_TRACE(text.substr(0, 20));
    EXPECT_THAT(ReadJsonObject(text), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(ReadJsonList("{}"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(Json, ReadsLists) {
  EXPECT_THAT(ReadJsonList("[]"), IsOkAndHolds(testing::IsEmpty()));
  EXPECT_THAT(ReadJsonList(R"([1, "a]", [2,3], null])"),
              IsOkAndHolds(testing::ElementsAre("1", "\"a]\"", "[2,3]", "null")));
}

TEST(Json, EscapesWhatMustBe) {
  EXPECT_EQ(JsonString("a\"b\\c\nd\x01 é"), "\"a\\\"b\\\\c\\nd\\u0001 é\"");
  EXPECT_EQ(JsonString("\xff\xc3"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(StringText(JsonString("x\ty\r€")), "x\ty\r€");
}

TEST(Json, TellsScalars) {
  EXPECT_EQ(ScalarText("null"), std::nullopt);
  EXPECT_EQ(ScalarText("\"x\""), "x");
  EXPECT_EQ(ScalarText("12"), "12");
  EXPECT_EQ(StringText("12"), std::nullopt);
}

}  // namespace
}  // namespace orch::worker
