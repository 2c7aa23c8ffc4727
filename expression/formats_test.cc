// Dates, YAML, Ion and properties, beyond what the case file holds.
#include "expression/test_support.h"

namespace orch::expression {
namespace {

struct Case {
  const char* expression;
  const char* then;
};

void Check(std::initializer_list<Case> cases) {
  const World world;
  for (const Case& c : cases) EXPECT_EQ(Shown(world.Text(c.expression)), c.then) << c.expression;
}

TEST(Dates, FollowTheLettersOfJava) {
  Check({
      {"{{ '2024-12-30T23:59:58.012345678Z' | date('YYYY w W F e Q QQQ QQQQ G') }}",
       "2025 1 5 5 2 4 Q4 4th quarter AD"},
      {"{{ '2024-02-03T00:05:06Z' | date('k K h hh B') }}", "24 0 12 12 at night"},
      {"{{ '2024-02-03T04:05:06.789Z' | date('n A N SSSSSSSSS') }}",
       "789000000 14706789 14706789000000 789000000"},
      {"{{ '2024-07-01T00:00:00Z' | date('z O ZZZZ VV xx', timeZone='Europe/Paris') }}",
       "CEST GMT+2 GMT+02:00 Europe/Paris +0200"},
      {"{{ '2024-02-03T04:05:06Z' | date('ppd [x]') }}", " 3 +00"},
      {"{{ '2024-02-03T04:05:06Z' | date('short') }}",
       "2/3/24, 4:05\xE2\x80\xAF"
       "AM"},
  });
}

TEST(Dates, ReadWhatAPatternSays) {
  Check({
      {"{{ '31/02/2024' | date('iso_local_date', existingFormat='dd/MM/yyyy') }}", "2024-02-29"},
      {"{{ '3-Feb-24 1:05 PM' | date('iso_local_date_time', existingFormat='d-MMM-yy h:mm a') }}",
       "2024-02-03T13:05:00"},
      {"{{ '2024-060' | date('iso_local_date', existingFormat='yyyy-DDD') }}", "2024-02-29"},
      {"{{ '2024-02-03 [x]' | date('iso_local_date', existingFormat=\"yyyy-MM-dd '['x']'\") ?? '' "
       "}}",
       "eval: Text '2024-02-03 [x]' could not be parsed as a date; name its pattern with "
       "existingFormat "
       "({{ '2024-02-03 [x]' | date('iso_local_date', existingFormat=\"yyyy-MM-dd '['x']'\") ?? '' "
       "}}:1)"},
      {"{{ '2024-02-03' | date('iso_local_date', existingFormat='yyyy-MM-dd[ HH:mm]') }}",
       "2024-02-03"},
  });
}

TEST(Dates, JumpOverTheHourThatIsNotThere) {
  Check({{"{{ '2024-03-31T02:30:00' | date('iso_sec', timeZone='Europe/Paris') }}",
          "2024-03-31T03:30:00+02:00"},
         {"{{ '2024-10-27T02:30:00' | date('iso_sec', timeZone='Europe/Paris') }}",
          "2024-10-27T02:30:00+02:00"},
         {"{{ '2024-02-29' | dateAdd(1, 'MILLENNIA', 'iso_local_date') }}", "3024-02-29"}});
}

TEST(Yaml, ReadsAnchorsOnceAndBombsNever) {
  World world(R"({"y": "a: &x [1, 2]\nb: *x\nc: \"1\"\nd: 0x\ne: ~\n", "dup": "a: 1\na: 2"})");
  EXPECT_EQ(Shown(world.Text("{{ yaml(y) }}")), R"({"a":[1,2],"b":[1,2],"c":"1","d":"0x"})");
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i)
      bomb += std::string(i == 0 ? "" : ",") + "*" + static_cast<char>(c - 1);
    bomb += "]\n";
  }
  world.SetVariables(MapBuilder().Set("y", Value::String(bomb)).Build());
  EXPECT_EQ(Verdict(world.Text("{{ yaml(y) }}")), "limit");
  world.SetVariables(MapBuilder().Set("y", Value::String(std::string(200, '['))).Build());
  EXPECT_NE(Verdict(world.Text("{{ yaml(y) }}")), "value");
}

TEST(Yaml, QuotesAsLittleAsItCan) {
  Check({{"{{ {'a': 'x #y'} | yaml }}", "a: \"x #y\"\n"},
         {"{{ {'a': ' x'} | yaml }}", "a: ' x'\n"},
         {"{{ {'a': '- x'} | yaml }}", "a: '- x'\n"},
         {"{{ [[1, [2]], {'b': {'c': []}}] | yaml }}",
          " -\n   - 1\n   -\n     - 2\n -\n  b:\n    c: []\n"}});
}

TEST(Ion, ReadsWhatItWrites) {
  World world(R"({"m": {"a b": [1, 1.5, null, true, "q\"\n"], "null": {}}})");
  EXPECT_EQ(Shown(world.Text("{{ m | toIon }}")),
            "{'a b':[1,1.5e0,null,true,\"q\\\"\\n\"],'null':{}}");
  EXPECT_EQ(Shown(world.Text("{{ fromIon(m | toIon) == m }}")), "true");
  EXPECT_EQ(
      Shown(world.Text("{{ fromIon('note::{x: 2024-02-03T04:05:06Z, y: 2024-02-03, z: sym}') }}")),
      R"({"x":"2024-02-03T04:05:06Z","y":"2024-02-03","z":"sym"})");
  world.SetVariables(MapBuilder().Set("i", Value::String(std::string(100'000, '['))).Build());
  EXPECT_EQ(Verdict(world.Text("{{ fromIon(i) }}")), "limit");
}

TEST(Properties, AreConvertedMemberByMember) {
  const World world(R"({"v": "x\"y", "n": 5, "none": null})");
  const auto render = [&](std::string_view json, std::string_view type) {
    return world.renderer.RenderProperty(ParseJson(json).value(), *TargetType::Parse(type),
                                         world.context);
  };
  EXPECT_EQ(Shown(render(R"(["{{ v }}", "b"])", "List<String>")), R"(["x\"y","b"])");
  EXPECT_EQ(Shown(render(R"({"k": ["{{ n }}", 6]})", "Map<String,List<Integer>>")),
            R"({"k":[5,6]})");
  EXPECT_EQ(Shown(render("null", "List<String>")), "[]");
  EXPECT_EQ(Shown(render("null", "Map<String,String>")), "{}");
  EXPECT_EQ(Shown(render("null", "Integer")), "");
  EXPECT_EQ(Shown(render("\"{{ none }}\"", "String")), "");
  EXPECT_EQ(Shown(render("\"PT1H30M\"", "Duration")), "PT1H30M");
  EXPECT_EQ(Shown(render("90", "Duration")), "PT1M30S");
  EXPECT_EQ(Verdict(render("\"P1M\"", "Duration")), "eval");
  EXPECT_EQ(Verdict(render("\"PT\"", "Duration")), "eval");
  EXPECT_EQ(Verdict(render(R"({"a": 1})", "Integer")), "eval");
  EXPECT_EQ(ValueOf(render("\"{{ n }}\"", "Object")).kind(), Kind::kI32);
  EXPECT_FALSE(TargetType::Parse("List<").has_value());
  EXPECT_FALSE(TargetType::Parse("Level").has_value());
}

TEST(Numbers, AreFormattedByPattern) {
  Check(
      {{"{{ 1234.5 | numberFormat('#,##0.00;(#)') }} {{ -1234.5 | numberFormat('#,##0.00;(#)') }}",
        "1,234.50 (1,234.50)"},
       {"{{ 0.125 | numberFormat('0.00') }} {{ 0.375 | numberFormat('0.00') }}", "0.12 0.38"},
       {"{{ 12345 | numberFormat('0.###E0') }}", "1.234E4"},
       {"{{ 5 | numberFormat(\"0 'items'\") }}", "5 items"},
       {"{{ 9223372036854775807 | numberFormat('#,##0') }}", "9,223,372,036,854,775,807"}});
}

TEST(Regexes, AreThoseOfJava) {
  Check({{"{{ 'x=1;y=2' | replace({'(\\w)=(\\d)': '$2:$1'}, regexp=true) }}", "1:x;2:y"},
         {"{{ 'aXbX' | split('(?=X)') }}", R"(["a","Xb","X"])"}});
}

}  // namespace
}  // namespace orch::expression
