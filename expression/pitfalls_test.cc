// The places where the language surprises its users.
#include "expression/test_support.h"

namespace orch::expression {
namespace {

struct Case {
  const char* name;
  const char* expression;
  const char* then;
};

void Check(const World& world, std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Shown(world.Text(c.expression)), c.then) << c.expression;
  }
}

void CheckVerdict(const World& world, std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Verdict(world.Text(c.expression)), c.then) << c.expression;
  }
}

TEST(Pitfalls, LiteralIntegersAreWiderThanJsonOnes) {
  const World world(R"({"l": [1, 2], "one": [1], "n": 1})");
  Check(world, {{"a literal is not among JSON integers", "{{ l contains 1 }}", "false"},
                {"lists compare class by class", "{{ [1] == one }}", "false"},
                {"numbers alone compare by value", "{{ 1 == n }}", "true"}});
  CheckVerdict(world, {{"chunk wants a literal", "{{ [1,2] | chunk(n) }}", "eval"},
                       {"so does dateAdd", "{{ '2024-01-01' | dateAdd(n, 'DAYS') }}", "eval"}});
}

TEST(Pitfalls, NotBindsFirst) {
  const World world(R"({"l": ["x"]})");
  Check(world, {{"before ==", "{{ not true == false }}", "true"},
                {"before is defined", "{{ not x is defined }}", "false"}});
  CheckVerdict(world, {{"before contains", "{{ not l contains 'x' }}", "eval"}});
}

TEST(Pitfalls, OnlyWhatIsMissingIsRescued) {
  World world;
  world.Tell({"secret", {Value::String("z"), Value::Null(), Value::Bool(true)}},
             absl::NotFoundError("none"));
  Check(world, {{"a missing variable is", "{{ x ?? 0 }}", "0"},
                {"a missing step is", "{{ x.y.z ?? 0 }}", "0"},
                {"through filters too", "{{ x | upper | default('d') }}", "d"}});
  CheckVerdict(world, {{"arithmetic hides it", "{{ (x + 1) ?? 0 }}", "eval"},
                       {"comparison hides it", "{{ (x == 1) ?? false }}", "eval"},
                       {"a secret is not", "{{ secret('z') ?? 'd' }}", "eval"},
                       {"nor what render meets", "{{ render('{{ x }}') ?? 'd' }}", "eval"}});
}

TEST(Pitfalls, ArgumentsAreEagerAndRescuesAreLazy) {
  const World world(R"({"a": 1})");
  Check(world, {{"the right of ?? is not looked at", "{{ a ?? missing }}", "1"}});
  CheckVerdict(world, {{"an argument is", "{{ a | default(missing) }}", "missing"}});
}

TEST(Pitfalls, MapsHaveTwoTexts) {
  const World world(R"({"m": {"a": 1}})");
  Check(world, {{"printed", "{{ m }}", R"({"a":1})"},
                {"joined", "{{ m ~ '' }}", "{a=1}"},
                {"in a macro", "{% macro f(x) %}{{ x }}{% endmacro %}{{ f(m) }}", "{a=1}"},
                {"in a filter tag", "{% filter trim %}{{ m }}{% endfilter %}", "{a=1}"}});
}

TEST(Pitfalls, SplitYieldsAnArray) {
  const World world;
  Check(world, {{"sorted", "{{ 'b,a' | split(',') | sort | join }}", "ab"},
                {"indexed", "{{ ('b,a' | split(','))[1] }}", "a"},
                {"a dot is any character", "{{ 'a.b' | split('.') }}", "[]"}});
  CheckVerdict(world, {{"not reversed", "{{ 'b,a' | split(',') | reverse }}", "eval"},
                       {"not flattened", "{{ 'b,a' | split(',') | flatten }}", "eval"}});
}

TEST(Pitfalls, ScopesEndWhereTheyBegan) {
  const World world(R"({"a": 1})");
  Check(world, {{"null is no empty list", "{% for i in null %}x{% else %}e{% endfor %}|", "|"},
                {"a known name is set outside",
                 "{% set x = 0 %}{% for i in [1,2] %}{% set x = i %}{% endfor %}{{ x }}", "2"}});
  CheckVerdict(world, {{"macros see no variables", "{% macro f() %}{{ a }}{% endmacro %}{{ f() }}",
                        "missing"},
                       {"a new name dies with its loop",
                        "{% for i in [1] %}{% set y = 1 %}{% endfor %}{{ y }}", "missing"}});
}

TEST(Pitfalls, JsonDropsNullEntriesAndKeepsNullElements) {
  const World world(R"({"m": {"a": null, "l": [null]}})");
  Check(world, {{"both", "{{ m }}", R"({"l":[null]})"}});
}

TEST(Pitfalls, AListPlusTextIsText) {
  const World world;
  Check(world, {{"text joins", "{{ [1] + 'x' }}", "[1]x"},
                {"anything else is appended", "{{ [1] + 2 }}", "[1,2]"}});
}

TEST(Errors, NameWhatIsMissingInTheUsersWords) {
  const World world;
  EXPECT_EQ(Shown(world.Text("a\n{{ b.c }}")),
            "missing: Unable to find `b` used in the expression `a\n{{ b.c }}` at line 2");
}

TEST(Errors, TellWhatIsNotBuilt) {
  const World world;
  EXPECT_NE(Shown(world.Text("{{ isPublicHoliday('2024-01-01', 'FR') }}")).find("not built yet"),
            std::string::npos);
}

TEST(Truth, IsWhatRunIfSays) {
  for (const char* text : {"", "  ", "false", " 0\n", "-0"}) EXPECT_FALSE(Truthy(text)) << text;
  for (const char* text : {"False", "null", "0.0", "no", "true"}) EXPECT_TRUE(Truthy(text)) << text;
}

TEST(Chance, DependsOnTheSeedAlone) {
  World world;
  const std::string text =
      "{{ uuid() }} {{ randomInt(0, 1000000) }} {{ nanoId() }} {{ ksuid() }} {{ now() }}";
  const std::string first = Shown(world.Text(text));
  EXPECT_EQ(Shown(world.Text(text)), first);
  world.context.seed = 43;
  EXPECT_NE(Shown(world.Text(text)), first);
}

}  // namespace
}  // namespace orch::expression
