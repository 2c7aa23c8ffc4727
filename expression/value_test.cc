#include "expression/value.h"

#include "expression/json.h"
#include "expression/regex.h"
#include "expression/text.h"
#include "gtest/gtest.h"

namespace orch::expression {
namespace {

TEST(Json, KeepsDigitsAndOrder) {
  const std::string text =
      R"({"z":1,"a":3000000000,"big":123456789012345678901234567890,"d":1.50,"e":1e3,"n":null,"l":[true,"x"]})";
  const absl::StatusOr<Value> value = ParseJson(text);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(value->Find("z")->kind(), Kind::kI32);
  EXPECT_EQ(value->Find("a")->kind(), Kind::kI64);
  EXPECT_EQ(value->Find("big")->AsString(), "123456789012345678901234567890");
  EXPECT_EQ(
      ToJson(*value, NullPolicy::kKeep),
      R"({"z":1,"a":3000000000,"big":123456789012345678901234567890,"d":1.5,"e":1000.0,"n":null,"l":[true,"x"]})");
  EXPECT_EQ(ToJson(*value).find("\"n\""), std::string::npos);
}

TEST(Json, RefusesWhatIsNone) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "1 2", "nul", "\"\xff\"", "01", "[1}"}) {
    EXPECT_EQ(ParseJson(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Json, RefusesWhatIsTooMuch) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(ParseJson(nested(64)).ok());
  EXPECT_EQ(ParseJson(nested(65)).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ParseJson(nested(100'000)).status().code(), absl::StatusCode::kResourceExhausted);
  JsonLimits few;
  few.node_count_max = 3;
  EXPECT_TRUE(ParseJson("[1,2]", few).ok());
  EXPECT_EQ(ParseJson("[1,2,3]", few).status().code(), absl::StatusCode::kResourceExhausted);
  few.bytes_max = 2;
  EXPECT_EQ(ParseJson("[1]", few).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(Json, StopsBehindTheFirstValueIfAsked) {
  size_t end = 0;
  const absl::StatusOr<Value> value = ParseJsonPrefix(R"({"a":1} rest)", &end);
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(ToJson(*value), R"({"a":1})");
}

TEST(Map, FindsManyKeysAsWellAsFew) {
  MapBuilder builder;
  for (int i = 0; i < 100; ++i) builder.Set("k" + std::to_string(i), Value::Int(i));
  builder.Set("k50", Value::Int(-1));
  const Value map = builder.Build();
  EXPECT_EQ(map.size(), 100u);
  EXPECT_EQ(map.entries()[50].key.AsString(), "k50");
  EXPECT_EQ(*map.Find("k50"), Value::Int(-1));
  EXPECT_EQ(*map.Find("k99"), Value::Int(99));
  EXPECT_EQ(map.Find("k100"), nullptr);
  EXPECT_EQ(map.FindKey(Value::Int(1)), nullptr);
}

TEST(Map, IsIteratedAsJavaWould) {
  MapBuilder builder(MapOrder::kJavaHash);
  for (const char* key : {"z", "y", "x", "foo", "bar", "hello", "world"})
    builder.Set(key, Value::Int(1));
  std::string order;
  const Value map = builder.Build();
  for (const MapEntry& entry : map.entries()) order += entry.key.AsString() + " ";
  EXPECT_EQ(order, "bar world foo x y z hello ");
}

TEST(Value, KnowsItsDepthAndItsWeight) {
  Value value = Value::String("xx");
  for (int i = 0; i < 10; ++i) value = Value::List({value, value});
  EXPECT_EQ(value.depth(), 10);
  EXPECT_GE(value.weight(), size_t{2048});
  for (int i = 0; i < 90; ++i) value = Value::List({value, value});
  EXPECT_EQ(value.weight(), std::numeric_limits<size_t>::max());
}

TEST(Value, EqualityTellsClassesApart) {
  EXPECT_EQ(Value::Int(1), Value::Int(1));
  EXPECT_FALSE(Value::Int(1) == Value::Long(1));
  EXPECT_FALSE(Value::List({Value::Int(1)}) == Value::List({Value::Long(1)}));
  EXPECT_FALSE(Value::String("a") == Value::Char('a'));
}

TEST(Text, OfFloatingNumbersIsJavas) {
  struct Case {
    double value;
    const char* text;
  };
  for (const Case& c :
       {Case{0.0, "0.0"}, Case{-0.0, "-0.0"}, Case{100, "100.0"}, Case{1e7, "1.0E7"},
        Case{9999999, "9999999.0"}, Case{0.001, "0.001"}, Case{0.0001, "1.0E-4"},
        Case{1.23e-9, "1.23E-9"}, Case{0.1 + 0.2, "0.30000000000000004"}, Case{-12.5, "-12.5"}}) {
    EXPECT_EQ(DoubleText(c.value), c.text);
  }
  EXPECT_EQ(FloatText(1.1f), "1.1");
}

TEST(Text, OfDurationsIsIso) {
  EXPECT_EQ(DurationText(absl::ZeroDuration()), "PT0S");
  EXPECT_EQ(DurationText(absl::Hours(24)), "PT24H");
  EXPECT_EQ(DurationText(absl::Seconds(90) + absl::Milliseconds(500)), "PT1M30.5S");
  EXPECT_EQ(DurationText(absl::Milliseconds(-500)), "PT-0.5S");
  EXPECT_EQ(DurationSeconds(absl::Seconds(90) + absl::Milliseconds(500)), "90.500000000");
}

TEST(RegexTest, DoesWhatJavaDoes) {
  const auto split = [](const char* pattern, const char* text, int limit) {
    std::string shown;
    const auto parts = Regex::Compile(pattern)->Split(text, limit);
    for (const std::string& part : *parts) shown += "<" + part + ">";
    return shown;
  };
  EXPECT_EQ(split(",", "a,b,,", 0), "<a><b>");
  EXPECT_EQ(split(",", "a,b,,", -1), "<a><b><><>");
  EXPECT_EQ(split(",", "a,b,c", 2), "<a><b,c>");
  EXPECT_EQ(split("", "aé", 0), "<a><é>");
  EXPECT_EQ(split(",", "", 0), "<>");
  EXPECT_EQ(*Regex::Compile("(?<x>a)(b)")->ReplaceAll("ab-ab", "$2${x}\\$"), "ba$-ba$");
  EXPECT_EQ(*Regex::Compile("x*")->ReplaceAll("abc", "-"), "-a-b-c-");
  EXPECT_FALSE(Regex::Compile("a")->ReplaceAll("a", "$3").ok());
  EXPECT_FALSE(Regex::Compile("[").ok());
  EXPECT_TRUE(*Regex::Compile("a+")->MatchesWhole("aaa"));
  EXPECT_FALSE(*Regex::Compile("a+")->MatchesWhole("aab"));
}

TEST(RegexTest, GoesOnWhereTheLinearEngineStops) {
  const Regex regex = *Regex::Compile("^(?!x)(\\w+) \\1$");
  EXPECT_TRUE(*regex.Found("ab ab"));
  EXPECT_FALSE(*regex.Found("xb xb"));
  EXPECT_TRUE(*Regex::Compile("(?<=a)b")->Found("ab"));
}

TEST(RegexTest, EndsOnAPatternThatBacktracks) {
  const Regex regex = *Regex::Compile("^(?!x)(a+)+\\1$");
  const absl::StatusOr<bool> found = regex.Found(std::string(64, 'a') + "!");
  EXPECT_EQ(found.status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(RegexTest, SharesItsStepsAmongAllStartingPoints) {
  const Regex regex = *Regex::Compile("(?=a)(a|aa)+[xyz]");
  EXPECT_FALSE(regex.Found(std::string(20'000, 'a') + "!").ok());
  EXPECT_TRUE(*regex.Found(std::string(1000, 'c') + "aax"));
}

}  // namespace
}  // namespace orch::expression
