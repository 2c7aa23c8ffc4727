// What expressions see: outputs by path, facts, secrets, flow outputs.
#include "absl/strings/str_cat.h"
#include "controlplane/engine/world.h"
#include "expression/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::engine {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kHead[] = "id: f\nnamespace: n\n";

std::string Text(const World& world, std::string_view text, std::string_view run = "") {
  const expression::Outcome outcome = world.Eval(text, run);
  if (const auto* value = std::get_if<expression::Value>(&outcome))
    return expression::PrintText(*value);
  if (const auto* error = std::get_if<expression::Error>(&outcome))
    return "error: " + error->message;
  return "need";
}

constexpr char kNested[] =
    "tasks:\n- id: outer\n  type: flow.ForEach\n  values: [u, v]\n  tasks:\n"
    "  - id: inner\n    type: flow.ForEach\n    values: [1, 2]\n    tasks:\n"
    "    - {id: r, type: debug.Return, format: '{{ parent.taskrun.value }}{{ taskrun.value }}'}\n"
    "    - id: i\n      type: flow.If\n      condition: '{{ "
    "outputs.r[parent.taskrun.value][taskrun.value].value == \"u1\" }}'\n"
    "      then: [{id: deep, type: debug.Return, format: '{{ parents[1].taskrun.value }}/{{ "
    "parent.taskrun.value }}'}]\n"
    "- {id: plain, type: debug.Return, format: p}\n";

TEST(Outputs, NestByTheValuesOfTheEnclosingLoops) {
  World world(absl::StrCat(kHead, kNested));
  world.Create();
  ASSERT_EQ(world.state(), v1::SUCCESS) << testing::PrintToString(world.Lines());
  struct Case {
    const char* expression;
    const char* text;
  };
  const Case cases[] = {
      {"{{ outputs.plain.value }}", "p"},
      {"{{ outputs.r.u['1'].value }}", "u1"},
      {"{{ outputs.r['v']['2'].value }}", "v2"},
      {"{{ outputs.deep.u['1'].value }}", "u/1"},
      {"{{ outputs.i.u['1'].evaluationResult }}", "true"},
      {"{{ outputs.i.v['1'].evaluationResult }}", "false"},
      {"{{ outputs.deep.v['1'] ?? 'none' }}", "none"},
      {"{{ outputs.r.w ?? 'none' }}", "none"},
      {"{{ outputs.nowhere ?? 'none' }}", "none"},
      {"{{ outputs.outer }}", "{}"},
      {"{{ outputs.r.u }}", R"({"1":{"value":"u1"},"2":{"value":"u2"}})"},
      {"{{ outputs.r }}",
       R"({"u":{"1":{"value":"u1"},"2":{"value":"u2"}},"v":{"1":{"value":"v1"},"2":{"value":"v2"}}})"},
      {"{{ outputs.deep }}", R"({"u":{"1":{"value":"u/1"}}})"},
      {"{{ tasks.plain.state }}", "SUCCESS"},
      {"{{ tasks.r.u['2'].state }}", "SUCCESS"},
  };
  for (const Case& c : cases) EXPECT_EQ(Text(world, c.expression), c.text) << c.expression;
}

TEST(Outputs, OfARunThatHasNoneAreEmptyAndOfASkippedOneAbsent) {
  World world(absl::StrCat(kHead,
                           "tasks:\n- {id: a, type: log.Log, message: x}\n- {id: s, type: log.Log, "
                           "message: x, runIf: 'false'}\n- {id: w, type: acme.Work}\n"));
  world.Create();
  EXPECT_EQ(Text(world, "{{ outputs.a ?? 'x' }}"), "{}");
  EXPECT_EQ(Text(world, "{{ outputs.s ?? 'x' }}"), "x");
  EXPECT_EQ(Text(world, "{{ outputs.w ?? 'x' }}"), "x") << "it has not ended";
  EXPECT_EQ(Text(world, "{{ tasks.s.state }} {{ tasks.w.state }}"), "SKIPPED CREATED");
}

TEST(Variables, AreThoseOfTheLanguage) {
  World world(
      "id: f\nnamespace: n\nlabels: {team: dwh}\nvariables: {v: '{{ 1 }}'}\ninputs: [{id: x, type: "
      "STRING, defaults: d}, {id: y, type: STRING}]\n"
      "tasks: [{id: L, type: flow.ForEach, values: [u], tasks: [{id: w, type: acme.Work}]}]");
  world.Create(R"({"y":"z"})");
  struct Case {
    const char* expression;
    const char* text;
  };
  const Case cases[] = {
      {"{{ flow.id }} {{ flow.namespace }} {{ flow.revision }} {{ flow.tenantId }}", "f n 1 main"},
      {"{{ execution.id }} {{ execution.originalId }} {{ execution.state }}", "e1 e1 RUNNING"},
      {"{{ execution.startDate }}", "2026-01-01T12:00:00Z"},
      {"{{ task.id }} {{ task.type }}", "w acme.Work"},
      {"{{ taskrun.id }} {{ taskrun.parentId }} {{ taskrun.value }} {{ taskrun.iteration }} {{ "
       "taskrun.attemptsCount }}",
       "e1-1 e1-0 u 0 0"},
      {"{{ inputs.x }} {{ inputs.y }}", "d z"},
      {"{{ vars.v }}", "{{ 1 }}"},
      {"{{ labels.team }} {{ labels.system.correlationId }}", "dwh e1"},
      {"{{ parents | length }}", "0"},
      {"{{ parent ?? 'none' }}", "none"},
      {"{{ trigger ?? 'none' }}", "none"},
  };
  for (const Case& c : cases) EXPECT_EQ(Text(world, c.expression, "w@u"), c.text) << c.expression;
  EXPECT_EQ(Text(world, "{{ taskrun ?? 'none' }}"), "none") << "of the execution itself";
}

TEST(Variables, InputsAreAbsentWhenThereAreNone) {
  World world(absl::StrCat(kHead, "tasks: [{id: a, type: acme.Work}]"));
  world.Create();
  EXPECT_THAT(Text(world, "{{ inputs.x }}"), HasSubstr("error: "));
}

TEST(Facts, ARunWaitsForWhatItsExpressionsLack) {
  World::Options options;
  options.answer_facts = false;
  World world(
      absl::StrCat(kHead, "tasks: [{id: a, type: debug.Return, format: \"{{ kv('k') }}\"}]"),
      options);
  const Step step = world.Create();
  ASSERT_EQ(step.effects.size(), 1u);
  const auto& fetch = std::get<FetchFacts>(step.effects[0]);
  EXPECT_EQ(fetch.run, 0);
  ASSERT_EQ(fetch.facts.size(), 1u);
  EXPECT_EQ(fetch.facts[0].function, "kv");
  EXPECT_EQ(world.StateOf("a"), v1::CREATED);
  EXPECT_EQ(world.Run("a").waiting().reason(), "facts");
  const std::vector<Effect> standing =
      StandingOrders(world.execution(), world.flow(), world.environment());
  ASSERT_EQ(standing.size(), 1u);
  EXPECT_TRUE(std::get<FetchFacts>(standing[0]).facts.empty());

  v1::Event fetched;
  fetched.mutable_fetched()->set_run(0);
  const Step again = world.Send(fetched);
  EXPECT_FALSE(again.changed) << "nothing was fetched: it asks again";
  ASSERT_EQ(again.effects.size(), 1u);
  world.mutable_execution().mutable_facts(0).Put(fetch.facts[0].Key(),
                                                 expression::Value::String("v"));
  world.Send(fetched);
  EXPECT_EQ(world.Outputs("a"), R"({"value":"v"})");
  EXPECT_EQ(world.execution().facts(0), nullptr) << "facts are dropped when their run moves on";
}

TEST(Facts, NoRunWaitsForThemLongerThanAMinute) {
  World::Options options;
  options.answer_facts = false;
  World world(
      absl::StrCat(kHead, "tasks: [{id: a, type: debug.Return, format: \"{{ kv('k') }}\"}]"),
      options);
  world.Create();
  world.Wait(absl::Seconds(61));
  v1::Event fetched;
  fetched.mutable_fetched()->set_run(0);
  world.Send(fetched);
  EXPECT_EQ(world.StateOf("a"), v1::FAILED);
  EXPECT_THAT(world.Run("a").error(), HasSubstr("60 s"));
}

TEST(Facts, ServeConditionsValuesAndFlowOutputs) {
  World world(absl::StrCat(
      kHead,
      "tasks:\n- {id: L, type: flow.ForEach, values: \"{{ kv('list') }}\", tasks: [{id: i, type: "
      "flow.If, condition: \"{{ kv('yes') }}\", then: [{id: a, type: log.Log, message: x}]}]}\n"
      "- {id: s, type: log.Log, message: x, runIf: \"{{ kv('no') }}\"}\n"
      "outputs: [{id: o, type: STRING, value: \"{{ kv('out') }}\"}]"));
  world.kv = {{"list", R"("[\"u\"]")"}, {"yes", "true"}, {"no", "false"}, {"out", "\"end\""}};
  world.Create();
  EXPECT_EQ(world.States(), "L SUCCESS, i@u SUCCESS, a@u SUCCESS, s SKIPPED");
  EXPECT_EQ(world.execution().payload().outputs().utf8(), R"({"o":"end"})");
  EXPECT_EQ(world.state(), v1::SUCCESS);
}

TEST(Secrets, AreMaskedInLinesAndSealedInOutputs) {
  World world(
      absl::StrCat(kHead,
                   "tasks:\n- {id: a, type: debug.Return, format: \"x{{ secret('S') }}\"}\n"
                   "- {id: b, type: log.Log, message: \"{{ outputs.a.value }}\"}\n"
                   "- {id: c, type: flow.If, condition: \"{{ outputs.a.value == 'xhush' }}\", "
                   "then: [{id: d, type: acme.Work, text: '{{ outputs.a.value }}'}]}\n"));
  world.secrets = {{"S", "hush"}};
  world.Create();
  EXPECT_THAT(world.Lines(), ElementsAre("a DEBUG ******", "b INFO ******"));
  EXPECT_TRUE(world.Run("a").sealed());
  EXPECT_THAT(world.Outputs("a"),
              HasSubstr(R"({"type":"io.kestra.datatype:aes_encrypted","value":")"));
  for (const v1::Record& record : world.records()) {
    EXPECT_THAT(record.SerializeAsString(), Not(HasSubstr("hush")));
  }
  const RenderedTask rendered = std::get<RenderedTask>(world.Render("d"));
  EXPECT_EQ(rendered.config, R"({"text":"xhush"})");
  EXPECT_THAT(rendered.secret_values, ElementsAre("xhush"));
  EXPECT_THAT(Text(world, "{{ outputs.a }}"), Not(HasSubstr("hush")))
      << "who asks from outside sees the envelope";
}

TEST(Secrets, WithoutAKeyTheRunFailsAndSaysWhatToSet) {
  World::Options options;
  options.encryption_key = false;
  World world(
      absl::StrCat(kHead, "tasks: [{id: a, type: debug.Return, format: \"{{ secret('S') }}\"}]"),
      options);
  world.secrets = {{"S", "hush"}};
  world.Create();
  EXPECT_EQ(world.StateOf("a"), v1::FAILED);
  EXPECT_THAT(world.Run("a").error(), HasSubstr("ORCH_ENCRYPTION_SECRET_KEY"));
  EXPECT_EQ(world.Outputs("a"), "");
}

TEST(Secrets, NeverBecomeLoopValuesLabelsOrVariables) {
  for (const char* task :
       {"{id: a, type: flow.ForEach, values: [\"{{ secret('S') }}\"], tasks: [{id: b, type: "
        "acme.Work}]}",
        "{id: a, type: execution.Labels, labels: {k: \"{{ secret('S') }}\"}}",
        "{id: a, type: execution.SetVariables, variables: {k: \"{{ secret('S') }}\"}}"}) {
    World world(absl::StrCat(kHead, "tasks:\n- ", task));
    world.secrets = {{"S", "hush"}};
    world.Create();
    EXPECT_EQ(world.StateOf("a"), v1::FAILED) << task;
    for (const v1::Record& record : world.records()) {
      EXPECT_THAT(record.SerializeAsString(), Not(HasSubstr("hush")));
    }
  }
}

TEST(FlowOutputs, AreCoercedAndAttemptedAfterAFailureToo) {
  World world(absl::StrCat(
      kHead,
      "tasks: [{id: a, type: debug.Return, format: '7'}, {id: b, type: execution.Fail}]\n"
      "outputs: [{id: n, type: INT, value: '{{ outputs.a.value }}'}, {id: t, type: STRING, value: "
      "'{{ outputs.a.value }}'}]"));
  world.Create();
  EXPECT_EQ(world.execution().payload().outputs().utf8(), R"({"n":7,"t":"7"})");
  EXPECT_EQ(world.History(), "CREATED RUNNING FAILED");
}

TEST(FlowOutputs, ThatCannotBeRenderedFailTheExecution) {
  World world(absl::StrCat(kHead,
                           "tasks: [{id: a, type: debug.Return, format: x}]\noutputs: [{id: n, "
                           "type: INT, value: '{{ outputs.a.value }}'}]"));
  world.Create();
  EXPECT_EQ(world.History(), "CREATED RUNNING SUCCESS FAILED");
  EXPECT_FALSE(world.execution().payload().has_outputs());
  EXPECT_THAT(world.Lines(),
              Contains(HasSubstr("execution ERROR Failed to render output values: ")));
}

TEST(FlowOutputs, DoNotHoldUpAKill) {
  World world(absl::StrCat(kHead,
                           "tasks: [{id: a, type: acme.Work}]\noutputs: [{id: n, type: STRING, "
                           "value: '{{ outputs.a.value }}'}]"));
  world.Create();
  world.Kill();
  EXPECT_EQ(world.History(), "CREATED RUNNING KILLING KILLED");
}

}  // namespace
}  // namespace orch::engine
