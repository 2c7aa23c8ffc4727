// What a worker receives.
#include "absl/strings/str_cat.h"
#include "controlplane/engine/world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Flow(std::string_view task) {
  return absl::StrCat("id: f\nnamespace: n\nvariables: {n: 3, list: [x, y]}\ntasks:\n- ",
                      std::string(task), "\n");
}

RenderedTask Rendered(const World& world, std::string_view run = "a") {
  Rendering rendering = world.Render(run);
  if (const auto* error = std::get_if<expression::Error>(&rendering)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  if (std::holds_alternative<expression::Need>(rendering)) {
    ADD_FAILURE() << "facts are needed";
    return {};
  }
  return std::get<RenderedTask>(std::move(rendering));
}

TEST(RenderTask, RendersTheOwnPropertiesAtEveryDepth) {
  World world(
      Flow("{id: a, type: acme.Work, description: d, retry: {type: constant, interval: PT1S}, "
           "logLevel: WARN, timeout: '{{ \"PT\" ~ vars.n ~ \"S\" }}',"
           " n: 1, t: 'x{{ vars.n }}', deep: {'k{{ vars.n }}': ['{{ flow.id }}', true]}}"));
  world.Create();
  const RenderedTask task = Rendered(world);
  EXPECT_EQ(task.type, "acme.Work");
  EXPECT_EQ(task.config, R"({"n":1,"t":"x3","deep":{"k3":["f",true]}})");
  EXPECT_EQ(task.timeout, absl::Seconds(3));
  EXPECT_EQ(task.log_level, v1::WARN);
  EXPECT_THAT(task.secret_values, IsEmpty());
}

TEST(RenderTask, TheSameNowAndSeedGiveTheSameText) {
  World world(
      Flow("{id: a, type: acme.Work, id2: '{{ uuid() }} {{ now() }}', dir: '{{ workingDir }}'}"));
  world.Create();
  const RenderedTask first = Rendered(world);
  EXPECT_EQ(first.config, Rendered(world).config);
  const Rendering other =
      RenderTask(world.execution(), 0, world.flow(), world.environment(), world.now(), 8);
  EXPECT_NE(std::get<RenderedTask>(other).config, first.config);
  EXPECT_NE(std::get<RenderedTask>(other).marker_nonce, first.marker_nonce);
  world.Lease("a");
  EXPECT_EQ(Rendered(world).config, first.config) << "a takeover assigns the same text";
}

TEST(RenderTask, LeavesMarkersForWhatOnlyTheWorkerKnows) {
  World world(
      Flow("{id: a, type: acme.Work, text: '{{ workingDir }}/x > {{ outputFiles.out }} {{ "
           "outputDir }}'}"));
  world.Create();
  const RenderedTask task = Rendered(world);
  const std::string& n = task.marker_nonce;
  EXPECT_EQ(task.config, absl::StrCat(R"({"text":"orch-late:)", n, ":workingDir;/x > orch-late:", n,
                                      ":outputFiles:6f7574; orch-late:", n, ":outputDir;\"}"));
}

TEST(RenderTask, WhatCannotBeRenderedIsAnError) {
  for (const char* property : {"t: '{{ nowhere }}'", "timeout: soon", "timeout: PT0S"}) {
    World world(Flow(absl::StrCat("{id: a, type: acme.Work, ", property, "}")));
    world.Create();
    EXPECT_TRUE(std::holds_alternative<expression::Error>(world.Render("a"))) << property;
  }
}

TEST(RenderTask, AsksForAllFactsAtOnceAndNamesTheSecrets) {
  World world(Flow("{id: a, type: acme.Work, s: \"{{ secret('S') }}\", k: [\"{{ kv('k') }}\"]}"));
  world.Create();
  const Rendering lacking = world.Render("a");
  const auto& need = std::get<expression::Need>(lacking);
  ASSERT_EQ(need.facts.size(), 2u);
  FetchedFacts& facts = world.mutable_execution().mutable_facts(0);
  facts.PutSecret(need.facts[0].Key(), "S", expression::Value::String("hush"));
  facts.Put(need.facts[1].Key(), expression::Value::String("v"));
  const RenderedTask task = Rendered(world);
  EXPECT_EQ(task.config, R"({"s":"hush","k":["v"]})");
  EXPECT_THAT(task.secret_names, ElementsAre("S"));
  EXPECT_THAT(task.secret_values, ElementsAre("hush"));
  world.Lease("a");
  EXPECT_EQ(Rendered(world).config, task.config) << "facts stay while the run is leased";
  world.Succeed("a");
  EXPECT_EQ(world.execution().facts(0), nullptr);
}

TEST(RenderTask, KindsFollowTheSchemaAndWhatIsNotDynamicStays) {
  World world(
      Flow("{id: a, type: acme.Typed, flag: '{{ true }}', count: '{{ vars.n }}', list: '{{ "
           "vars.list }}', map: {x: '{{ vars.n }}'}, fixed: '{{ x }}'}"));
  ASSERT_TRUE(
      world.AddType(R"({"$id":"acme.Typed","type":"object","properties":{"flag":{"type":"boolean"},
      "count":{"type":"integer"},"list":{"type":"array"},"map":{"type":"object","additionalProperties":{"type":"integer"}},"fixed":{"type":"string","$dynamic":false}}})"));
  world.Create();
  const RenderedTask task = Rendered(world);
  EXPECT_THAT(
      task.config,
      HasSubstr(R"({"flag":true,"count":3,"list":["x","y"],"map":{"x":3},"fixed":"{{ x }}")"));
}

}  // namespace
}  // namespace orch::engine
