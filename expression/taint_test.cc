#include "expression/test_support.h"

namespace orch::expression {
namespace {

class Taint : public testing::Test {
 protected:
  Taint() : world(R"({"plain": "p", "secrets": []})") {
    world.Tell({"secret", {Value::String("K"), Value::Null(), Value::Bool(true)}},
               Value::String("s3cret"));
    world.Tell({"secret", {Value::String("RE"), Value::Null(), Value::Bool(true)}},
               Value::String("[s3cret"));
    world.Tell({"secret", {Value::String("BAD"), Value::Null(), Value::Bool(true)}},
               Value::String("{{ x"));
  }
  World world;
};

TEST_F(Taint, FollowsASecretThroughEverythingThatTouchesIt) {
  for (const char* text : {
           "{{ secret('K') }}",
           "a{{ secret('K') }}",
           "{{ secret('K') ~ 'x' }}",
           "{{ 'x' + secret('K') }}",
           "{{ secret('K') | upper }}",
           "{{ 'x' | replace({'x': secret('K')}) }}",
           "{{ secret('K') | base64encode | base64decode }}",
           "{{ [secret('K')] }}",
           "{{ {'k': secret('K')} | toJson }}",
           "{{ [plain, secret('K')] | join }}",
           "{{ secret('K') | split('3') | first }}",
           "{% set x = secret('K') %}{{ x }}",
           "{% for c in [secret('K')] %}{{ c }}{% endfor %}",
           "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(secret('K')) }}",
           "{% filter upper %}{{ secret('K') }}{% endfilter %}",
           "{{ \"#{secret('K')}!\" }}",
           "{{ secret('K') == 'a' }}",
           "{{ secret('K') | length }}",
           "{{ secret('K').length() }}",
           "{{ render(secret('K')) }}",
           "{{ md5 ?? secret('K') | sha256 }}",
           "{{ secret('K') ? 'a' : 'b' ~ secret('K') }}",
           "{{ encrypt('AAAAAAAAAAAAAAAAAAAAAA==', secret('K')) }}",
       }) {
    const Outcome outcome = world.Text(text);
    ASSERT_EQ(Verdict(outcome), "value") << text << " " << Shown(outcome);
    if (std::string_view(text).find("? 'a'") != std::string_view::npos)
      continue;  // A choice tells nothing of it.
    EXPECT_TRUE(std::get<Value>(outcome).AnyTainted()) << text;
  }
}

TEST_F(Taint, StaysWithTheElementItCameFrom) {
  EXPECT_FALSE(ValueOf(world.Typed("{{ ([plain, secret('K')])[0] }}")).AnyTainted());
  EXPECT_TRUE(ValueOf(world.Typed("{{ ([plain, secret('K')])[1] }}")).AnyTainted());
  EXPECT_TRUE(ValueOf(world.Typed("{{ [plain, secret('K')] }}")).AnyTainted());
  EXPECT_FALSE(ValueOf(world.Typed("{{ ({'a': plain, 'k': secret('K')}).a }}")).AnyTainted());
  EXPECT_FALSE(ValueOf(world.Text("{{ plain | upper }}")).AnyTainted());
}

TEST_F(Taint, IsNotSpelledOutInErrors) {
  for (const char* text : {"{{ secret('K') | date }}", "{{ secret('K') | number }}",
                           "{{ fromJson(secret('K')) }}", "{{ plain[secret('K')] }}",
                           "{{ plain.matches(secret('RE')) }}", "{{ render(secret('BAD')) }}"}) {
    const std::string shown = Shown(world.Text(text));
    EXPECT_NE(Verdict(world.Text(text)), "value") << text;
    EXPECT_EQ(shown.find("s3cret"), std::string::npos) << shown;
    EXPECT_EQ(shown.find("{{ x"), std::string::npos) << shown;
  }
  const Outcome property =
      world.renderer.RenderProperty(Value::String("{{ secret('K') }}"),
                                    TargetType::Of(TargetType::Kind::kInteger), world.context);
  EXPECT_EQ(Shown(property).find("s3cret"), std::string::npos);
}

TEST_F(Taint, ReachesConvertedProperties) {
  world.Tell({"secret", {Value::String("N"), Value::Null(), Value::Bool(true)}},
             Value::String("[1]"));
  const Outcome list = world.renderer.RenderProperty(
      Value::String("{{ secret('N') }}"), *TargetType::Parse("List<Integer>"), world.context);
  EXPECT_TRUE(ValueOf(list).AnyTainted());
  EXPECT_TRUE(ValueOf(list).items()[0].AnyTainted());
}

TEST_F(Taint, IsKeptByAFactWithASecretArgument) {
  const Outcome outcome = world.Text("{{ {'a': secret('K')} | jq('.a') }}");
  const auto* need = std::get_if<Need>(&outcome);
  ASSERT_NE(need, nullptr);
  ASSERT_EQ(need->facts.size(), 1u);
  EXPECT_TRUE(need->facts[0].tainted());
  world.Tell(need->facts[0], Value::List({Value::String("s3cret")}));
  EXPECT_TRUE(ValueOf(world.Text("{{ {'a': secret('K')} | jq('.a') | first }}")).AnyTainted());
}

}  // namespace
}  // namespace orch::expression
