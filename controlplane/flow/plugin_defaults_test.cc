#include "controlplane/flow/plugin_defaults.h"

#include "expression/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::flow {
namespace {

using testing::ElementsAre;

ReadResult Read(std::string_view rest) {
  static const auto* const types = new TaskTypes(*TaskTypes::BuiltIn());
  ReadOptions options;
  options.features = EngineFeatures::All();
  return ReadFlow("id: f\nnamespace: a\n" + std::string(rest), *types, options);
}

TEST(PluginDefaults, ValuesAreMergedByTheirStrength) {
  struct Case {
    const char* name;
    const char* defaults;
    const char* task;
    const char* properties;
  };
  const Case cases[] = {
      {"a default fills what is absent", "[{type: acme.Do, values: {x: 1}}]", "type: acme.Do",
       R"({"x":1})"},
      {"what is written wins", "[{type: acme.Do, values: {x: 1}}]", "type: acme.Do, x: 2",
       R"({"x":2})"},
      {"a null takes the default", "[{type: acme.Do, values: {x: 1}}]", "type: acme.Do, x: null",
       R"({"x":1})"},
      {"forced wins over what is written", "[{type: acme.Do, forced: true, values: {x: 1}}]",
       "type: acme.Do, x: 2", R"({"x":1})"},
      {"the first listed wins",
       "[{type: acme.Do, values: {x: 1}}, {type: acme.Do, values: {x: 2, y: 3}}]", "type: acme.Do",
       R"({"x":1,"y":3})"},
      {"the first forced wins",
       "[{type: acme.Do, forced: true, values: {x: 1}}, {type: acme.Do, forced: true, values: {x: "
       "2}}]",
       "type: acme.Do", R"({"x":1})"},
      {"forced wins over an earlier one that is not",
       "[{type: acme.Do, values: {x: 1}}, {type: acme.Do, forced: true, values: {x: 2}}]",
       "type: acme.Do", R"({"x":2})"},
      {"a prefix matches", "[{type: acme., values: {x: 1}}]", "type: acme.Do", R"({"x":1})"},
      {"names are taken as they are written", "[{type: io.kestra.plugin.acme.Do, values: {x: 1}}]",
       "type: acme.Do", "{}"},
      {"maps merge deeply, lists one after the other",
       "[{type: acme.Do, values: {m: {a: 1, b: {c: 2}}, l: [1]}}]",
       "type: acme.Do, m: {b: {d: 3}}, l: [2]", R"({"m":{"b":{"d":3,"c":2},"a":1},"l":[1,2]})"},
      {"forced lists come after", "[{type: acme.Do, forced: true, values: {l: [1]}}]",
       "type: acme.Do, l: [2]", R"({"l":[2,1]})"},
      {"objects inside tasks get theirs", "[{type: acme.Runner, values: {x: 1}}]",
       "type: acme.Do, runner: {type: acme.Runner}", R"({"runner":{"type":"acme.Runner","x":1}})"},
      {"an unknown property of a prefix is passed over",
       "[{type: debug., values: {nosuch: 1, format: f}}]", "type: debug.Return",
       R"({"format":"f"})"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const ReadResult result =
        Read(std::string("pluginDefaults: ") + c.defaults + "\ntasks: [{id: t, " + c.task + "}]\n");
    ASSERT_NE(result.flow, nullptr);
    EXPECT_EQ(expression::ToJson(result.flow->FindTask("t")->properties), c.properties);
  }
}

TEST(PluginDefaults, BasePropertiesAndChildrenGetThemToo) {
  const ReadResult result = Read(
      "taskDefaults: [{type: debug.Return, values: {timeout: PT9S, format: d}}]\n"
      "tasks: [{id: s, type: flow.Sequential, tasks: [{id: t, type: debug.Return}]}]\n");
  ASSERT_NE(result.flow, nullptr);
  EXPECT_EQ(result.flow->FindTask("t")->timeout, "PT9S");
  // What the author wrote is shown without them.
  EXPECT_EQ(expression::ToJson(result.flow->FindTask("t")->as_written),
            R"({"id":"t","type":"debug.Return"})");
}

TEST(PluginDefaults, TheSectionIsChecked) {
  const ReadResult result = Read(
      "pluginDefaults:\n- {values: {x: 1}}\n- {type: log.Log}\n- {type: log.Log, values: {mesage: "
      "1}, other: 2}\n"
      "tasks: [{id: t, type: log.Log, message: m}]\n");
  std::vector<std::string> texts;
  for (const Complaint& complaint : result.complaints) {
    if (complaint.severity == Severity::kError) texts.push_back(ComplaintText(complaint));
  }
  EXPECT_THAT(
      texts,
      ElementsAre("line 4, column 3: pluginDefaults[0].type: Invalid Plugin Default: `type` must "
                  "not be null",
                  "line 5, column 3: pluginDefaults[1].values: Invalid Plugin Default: `values` "
                  "must not be null",
                  "line 6, column 28: pluginDefaults: Invalid Plugin Default: `log.Log` has no "
                  "property `mesage`; did "
                  "you mean `message`?",
                  "line 6, column 40: pluginDefaults[2].other: Unrecognized field \"other\""));
}

}  // namespace
}  // namespace orch::flow
