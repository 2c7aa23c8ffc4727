// Markers, views, facts and limits: what the engine brings to an evaluation.
#include <atomic>
#include <thread>

#include "expression/test_support.h"

namespace orch::expression {
namespace {

Value MarkerMap() {
  MapBuilder files;
  files.Set("x", Value::Marker("\x01orch:n:outputFiles.x\x01"));
  MapBuilder map;
  map.Set("workingDir", Value::Marker("\x01orch:n:workingDir\x01"));
  map.Set("outputFiles", files.Build());
  return map.Build();
}

TEST(Markers, ArePrintedAndJoinedAndNothingElse) {
  World world;
  world.SetVariables(MarkerMap());
  const std::string dir = "\x01orch:n:workingDir\x01";
  EXPECT_EQ(Shown(world.Text("cd {{ workingDir }}/a")), "cd " + dir + "/a");
  EXPECT_EQ(Shown(world.Text("{{ workingDir ~ '/a' }}")), dir + "/a");
  EXPECT_EQ(Shown(world.Text("{{ workingDir ?? 'none' }}")), dir);
  EXPECT_EQ(Shown(world.Text("{{ outputFiles['x'] }}")), "\x01orch:n:outputFiles.x\x01");
  EXPECT_EQ(Shown(world.Text("{% set d = workingDir %}{{ d ~ d }}")), dir + dir);
  EXPECT_EQ(Shown(world.Text("{{ workingDir is defined }}")), "true");
  EXPECT_EQ(Shown(world.Text("{{ [workingDir] }}")), "[\"" + dir + "\"]");
  for (const char* text :
       {"{{ 'a'.concat(workingDir) }}", "{{ workingDir | upper }}",
        "{{ (workingDir ~ 'a') | length }}", "{{ workingDir == 'a' }}",
        "{% if workingDir %}x{% endif %}", "{{ workingDir ? 1 : 2 }}", "{{ [workingDir] | join }}",
        "{{ max(workingDir) }}", "{{ 'a' | replace({'a': workingDir}) }}",
        "{{ workingDir.length() }}", "{{ not workingDir }}", "{{ workingDir and true }}",
        "{{ {'a': workingDir} | toJson }}", "{% filter upper %}{{ workingDir }}{% endfilter %}",
        "{{ 'a' contains workingDir }}"}) {
    EXPECT_EQ(Verdict(world.Text(text)), "eval") << text << Shown(world.Text(text));
  }
}

TEST(Markers, CanOnlyBecomeTextProperties) {
  World world;
  world.SetVariables(MarkerMap());
  const Value property = Value::String("{{ workingDir }}/a");
  const auto render = [&](TargetType::Kind kind) {
    return world.renderer.RenderProperty(property, TargetType::Of(kind), world.context);
  };
  EXPECT_EQ(Shown(render(TargetType::Kind::kString)), "\x01orch:n:workingDir\x01/a");
  EXPECT_EQ(Verdict(render(TargetType::Kind::kInteger)), "eval");
}

class NumberedView : public View {
 public:
  explicit NumberedView(int count) : count_(count) {}
  std::optional<Value> Get(std::string_view key) const override {
    ++gets;
    if (key == "evicted") return Value::Deferred({"output", {Value::String("evicted")}});
    const int number = std::atoi(std::string(key).c_str());
    return number > 0 && number <= count_ ? std::optional(Value::Int(number)) : std::nullopt;
  }
  absl::StatusOr<Value> Materialise(Fuel& fuel) const override {
    ++builds;
    if (!fuel.Spend(count_)) return absl::ResourceExhaustedError("the outputs are too many");
    MapBuilder map;
    for (int i = 1; i <= count_; ++i) map.Set(std::to_string(i), Value::Int(i));
    return map.Build();
  }
  bool Empty() const override { return count_ == 0; }

  mutable std::atomic<int> gets = 0;
  mutable std::atomic<int> builds = 0;

 private:
  int count_;
};

TEST(Views, AreLookedUpAndOnlyBuiltWhenUsedWhole) {
  World world;
  const auto view = std::make_shared<NumberedView>(100'000);
  world.SetVariables(MapBuilder().Set("outputs", Value::OfView(view)).Build());
  EXPECT_EQ(
      Shown(world.Text("{{ outputs['7'] }} {{ outputs['7'] ?? 0 }} {{ outputs.zz ?? 'none' }}")),
      "7 7 none");
  EXPECT_EQ(
      Shown(world.Text("{{ outputs is empty }} {{ outputs is map }} {{ outputs contains '3' }}")),
      "false true true");
  EXPECT_EQ(
      Shown(world.Text("{% set o = outputs %}{{ o['9'] }} {{ [outputs][0] ?? 1 }}")).substr(0, 6),
      "syntax");
  EXPECT_EQ(Verdict(world.Text("{{ outputs['0'] }}")), "missing");
  EXPECT_EQ(view->builds, 0);
  EXPECT_EQ(Shown(world.Text("{{ outputs | length }}")), "100000");
  EXPECT_EQ(view->builds, 1);
}

TEST(Views, ArePaidForWithFuel) {
  World world;
  world.context.limits.step_count_max = 50'000;
  const auto view = std::make_shared<NumberedView>(100'000);
  world.SetVariables(MapBuilder().Set("outputs", Value::OfView(view)).Build());
  EXPECT_EQ(Shown(world.Text("{{ outputs['7'] }}")), "7");
  EXPECT_EQ(Verdict(world.Text("{{ outputs }}")), "limit");
  EXPECT_EQ(Verdict(world.Text("{% for o in outputs %}x{% endfor %}")), "limit");
}

TEST(Views, InsideAListAreBuiltWhenItIsPrinted) {
  World world;
  world.SetVariables(
      MapBuilder().Set("o", Value::OfView(std::make_shared<NumberedView>(2))).Build());
  EXPECT_EQ(Shown(world.Text("{{ [o] }} {{ {'k': o} ~ '' }}")),
            R"([{"1":1,"2":2}] {k={1=1, 2=2}})");
}

TEST(Views, AskForAnEvictedMemberAsAFact) {
  World world;
  world.SetVariables(
      MapBuilder().Set("o", Value::OfView(std::make_shared<NumberedView>(2))).Build());
  EXPECT_EQ(Verdict(world.Text("{{ o.evicted }}")), "need");
  world.Tell({"output", {Value::String("evicted")}}, Value::String("back"));
  EXPECT_EQ(Shown(world.Text("{{ o.evicted }}{{ o.evicted.length }}")), "back4");
}

TEST(Facts, OfOneRoundAreAskedForTogether) {
  const World world(R"({"flow": {"namespace": "a.b"}})");
  const auto count = [&](std::string_view text) {
    const Outcome outcome = world.Text(text);
    const auto* need = std::get_if<Need>(&outcome);
    return need == nullptr ? -1 : static_cast<int>(need->facts.size());
  };
  EXPECT_EQ(count("{{ kv('a') }}{{ kv('b') }}{{ kv('a') }}"), 2);
  EXPECT_EQ(count("{{ [kv('a'), secret('b')] }}"), 2);
  EXPECT_EQ(count("{{ {'x': kv('a'), 'y': secret('b')} }}"), 2);
  EXPECT_EQ(count("{{ kv('a') ~ kv('b') ~ read('c') }}"), 3);
  EXPECT_EQ(count("{{ max(kv('a'), kv('b')) }}"), 2);
  EXPECT_EQ(count("{% for i in ['a','b','c'] %}{{ kv(i) }}{% endfor %}"), 3);
  EXPECT_EQ(count("{% set x = kv('a') %}{{ x }}{{ kv('b') }}"), 2);
  EXPECT_EQ(count("{{ kv('a') | replace({'x': kv('b')}) }}"), 2);
  EXPECT_EQ(count("{{ kv(kv('a')) }}"), 1);
}

TEST(Facts, OfAllMembersOfAnObjectAreAskedForTogether) {
  const World world;
  const Value object =
      ParseJson(R"({"a": "{{ kv('a') }}", "b": ["{{ kv('b') }}", {"c": "{{ kv('c') }}"}]})")
          .value();
  const Outcome outcome = world.renderer.RenderObject(object, world.context);
  ASSERT_TRUE(std::holds_alternative<Need>(outcome));
  EXPECT_EQ(std::get<Need>(outcome).facts.size(), 3u);
}

TEST(Facts, AreAskedForAgainUntilNoneIsMissing) {
  World world(R"({"flow": {"namespace": "n"}})");
  const auto fact = [](const char* key) {
    return Fact{"kv", {Value::String(key), Value::String("n"), Value::Bool(true)}};
  };
  EXPECT_EQ(Shown(world.Text("{{ kv(kv('a')) }}")), "need: " + fact("a").Key());
  world.Tell(fact("a"), Value::String("b"));
  EXPECT_EQ(Shown(world.Text("{{ kv(kv('a')) }}")), "need: " + fact("b").Key());
  world.Tell(fact("b"), Value::Int(5));
  EXPECT_EQ(Shown(world.Text("{{ kv(kv('a')) + 1 }}")), "6");
}

TEST(Facts, ThatFailedEndTheEvaluation) {
  World world;
  const Fact fact{"read", {Value::String("f"), Value::Null()}};
  world.Tell(fact, absl::NotFoundError("there is no file f"));
  EXPECT_EQ(Shown(world.Text("{{ read('f') ?? 'd' }}")),
            "eval: there is no file f ({{ read('f') ?? 'd' }}:1)");
}

TEST(Facts, AnErrorBeforeTheFirstMissingFactIsToldAtOnce) {
  const World world;
  EXPECT_EQ(Verdict(world.Text("{{ missing }}{{ kv('a') }}")), "missing");
  EXPECT_EQ(Verdict(world.Text("{{ kv('a') }}{{ missing }}")), "need");
}

TEST(Facts, AreBoundedInNumber) {
  World world;
  const Outcome outcome = world.Text("{% for i in 1..1000 %}{{ kv('k' ~ i) }}{% endfor %}");
  ASSERT_TRUE(std::holds_alternative<Need>(outcome));
  EXPECT_EQ(std::get<Need>(outcome).facts.size(), 256u);
}

TEST(Facts, HaveKeysThatTellClassesApart) {
  const auto key = [](Value v) { return Fact{"kv", {std::move(v)}}.Key(); };
  EXPECT_NE(key(Value::Int(1)), key(Value::Long(1)));
  EXPECT_NE(key(Value::String("1")), key(Value::Int(1)));
  EXPECT_EQ(key(Value::String("a")), key(Value::String("a")));
  EXPECT_NE((Fact{"kv", {Value::String("a"), Value::String("b")}}.Key()),
            (Fact{"kv", {Value::String("a|java.lang.String:3:\"b\"")}}.Key()));
}

std::string Repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Limits, EndWhatWouldNotEnd) {
  World world(R"({"a": "{{ b }}", "b": "{{ a }}", "s": "xxxxxxxxxxxxxxxx"})");
  struct Case {
    const char* name;
    std::string text;
  };
  const Case cases[] = {
      {"nested parentheses", "{{ " + Repeat("(", 5000) + "1" + Repeat(")", 5000) + " }}"},
      {"nested lists", "{{ " + Repeat("[", 5000) + Repeat("]", 5000) + " }}"},
      {"nested unary operators", "{{ " + Repeat("not ", 5000) + "1 }}"},
      {"nested tags", Repeat("{% if true %}", 5000) + Repeat("{% endif %}", 5000)},
      {"nested ternaries", "{{ " + Repeat("true ? ", 5000) + "1" + Repeat(" : 2", 5000) + " }}"},
      {"a macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"},
      {"a block that calls itself", "{% block b %}{{ block('b') }}{% endblock %}"},
      {"a list that grows in a loop",
       "{% set l = [] %}{% for i in 1..500 %}{% set l = [l] %}{% endfor %}{{ l }}"},
      {"a list that doubles",
       "{% set l = ['x'] %}{% for i in 1..60 %}{% set l = [l, l] %}{% endfor %}{{ l }}"},
      {"a text that doubles",
       "{% set t = 'x' %}{% for i in 1..60 %}{% set t = t ~ t %}{% endfor %}{{ t }}"},
      {"a long indent", "{{ \"a\nb\" | indent(100000000000) }}"},
      {"a replacement that grows",
       "{{ s | replace({'x': s}) | replace({'x': s}) | replace({'x': s}) | replace({'x': s}) | "
       "replace({'x': s}) | replace({'x': s}) }}"},
      {"loops in loops",
       "{% for i in 1..1000 %}{% for j in 1..1000 %}{% for k in 1..1000 %}{% endfor %}{% endfor "
       "%}{% endfor %}"},
      {"a long output", "{% for i in 1..100000 %}" + Repeat("x", 1000) + "{% endfor %}"},
      {"renders that chase each other", "{{ render(a) }}"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Verdict(world.Text(c.text)), "limit") << Shown(world.Text(c.text)).substr(0, 300);
  }
}

TEST(Limits, LongChainsAreNoNesting) {
  const World world(R"({"m": {}})");
  EXPECT_EQ(Shown(world.Text("{{ 0" + Repeat(" + 1", 50'000) + " }}")), "50000");
  EXPECT_EQ(Shown(world.Text("{{ 'a'" + Repeat(" | trim", 20'000) + " }}")), "a");
  EXPECT_EQ(Verdict(world.Text("{{ m" + Repeat(".m", 20'000) + " }}")), "missing");
  EXPECT_EQ(Shown(world.Text(Repeat("{% if false %}{% endif %}", 5'000))), "");
}

TEST(Limits, RangesAreBounded) {
  const World world;
  EXPECT_EQ(Shown(world.Text("{{ range(0, 9) | length }}")), "10");
  EXPECT_EQ(Verdict(world.Text("{{ range(0, 1000000) }}")), "eval");
  EXPECT_EQ(Shown(world.Text("{{ range(9223372036854775806, 9223372036854775807) | length }}")),
            "2");
  EXPECT_EQ(Shown(world.Text("{{ range(5, 1) }}")), "[]");
}

TEST(Cache, CompilesATextOnceAndForgetsTheOldest) {
  const World world(R"({"a": 1})");
  const Renderer renderer(/*cache_bytes_max=*/64 * 1024);
  for (int i = 0; i < 3; ++i) (void)renderer.RenderText("{{ a }}", world.context);
  EXPECT_EQ(renderer.cache_stats().misses, 1);
  EXPECT_EQ(renderer.cache_stats().hits, 2);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(Shown(renderer.RenderText("{{ a + " + std::to_string(i) + " }}", world.context)),
              std::to_string(i + 1));
  }
  EXPECT_LE(renderer.cache_stats().bytes, 64u * 1024);
  EXPECT_LT(renderer.cache_stats().texts, 200u);
}

TEST(Cache, ServesManyThreads) {
  const World world(R"({"a": 1})");
  const Renderer renderer(/*cache_bytes_max=*/32 * 1024);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const std::string text = "{{ a + " + std::to_string(i % 50) + " }}";
        if (Shown(renderer.RenderText(text, world.context)) == std::to_string(i % 50 + 1)) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 2000);
}

TEST(Check, TellsFaultsWithoutEvaluating) {
  const Renderer renderer;
  EXPECT_TRUE(renderer.Check("plain").empty());
  EXPECT_TRUE(renderer.Check("{{ outputs.x | upper }}{{ kv('a') }}").empty());
  const auto syntax = renderer.Check("ok\n  {{ a b }}");
  ASSERT_EQ(syntax.size(), 1u);
  EXPECT_EQ(syntax[0].line, 2);
  EXPECT_EQ(syntax[0].column, 8);
  const auto names = renderer.Check(
      "{{ a | nope }} {{ f(1) }} {{ 1 is strange }}{% macro g() %}{% endmacro %}{{ g() }}");
  ASSERT_EQ(names.size(), 3u);
  EXPECT_NE(names[0].message.find("nope"), std::string::npos);
}

}  // namespace
}  // namespace orch::expression
