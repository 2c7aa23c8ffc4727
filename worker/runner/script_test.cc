#include "worker/runner/script.h"

#include "base/status_matchers.h"

namespace orch::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

ScriptType Commands() { return {}; }
ScriptType Inline() {
  ScriptType type;
  type.inline_script = true;
  return type;
}

TEST(ScriptConfig, ReadsProperties) {
  ORCH_ASSERT_OK_AND_ASSIGN(const ScriptConfig config, ReadScriptConfig(Commands(), R"({
      "commands": ["a", "b"], "beforeCommands": ["c"], "env": {"N": 1, "S": "x", "Z": null},
      "inputFiles": {"a.txt": "text"}, "outputFiles": ["*.csv"], "failFast": false,
      "warningOnStdErr": "false", "interpreter": ["/bin/bash", "-c"]})"));
  EXPECT_THAT(config.commands, ElementsAre("a", "b"));
  EXPECT_THAT(config.env, ElementsAre(Pair("N", "1"), Pair("S", "x")));
  EXPECT_FALSE(config.fail_fast);
  EXPECT_FALSE(config.warning_on_stderr);
  EXPECT_THAT(config.output_files, ElementsAre("*.csv"));
  EXPECT_THAT(config.interpreter, ElementsAre("/bin/bash", "-c"));
}

TEST(ScriptConfig, TakesTextsThatHoldJson) {
  ORCH_ASSERT_OK_AND_ASSIGN(const ScriptConfig config, ReadScriptConfig(Commands(), R"({
      "commands": "[\"a\",\"b\"]", "env": "{\"A\":\"1\"}", "inputFiles": "{\"x\":\"y\"}"})"));
  EXPECT_THAT(config.commands, ElementsAre("a", "b"));
  EXPECT_THAT(config.env, ElementsAre(Pair("A", "1")));
  EXPECT_THAT(config.input_files, ElementsAre(Pair("x", "y")));
}

TEST(ScriptConfig, NamesThePropertyThatIsWrong) {
  for (const auto& [json, name] : std::vector<std::pair<std::string, std::string>>{
           {"{}", "commands"},
           {R"({"commands":{}})", "commands"},
           {R"({"commands":["a"],"env":[1]})", "env"},
           {R"({"commands":["a"],"failFast":"maybe"})", "failFast"},
           {R"({"commands":["a"],"namespaceFiles":{"enabled":true}})", "namespaceFiles"}}) {
    SCOPED_TRACE(json);
    EXPECT_THAT(ReadScriptConfig(Commands(), json),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'" + name)));
  }
  EXPECT_THAT(ReadScriptConfig(Inline(), "{}"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'script'")));
}

TEST(ScriptConfig, KnowsDockerByAnyOfItsNames) {
  for (
      const char* json :
      {R"({"commands":["a"],"taskRunner":{"type":"io.kestra.plugin.scripts.runner.docker.Docker"}})",
       R"({"commands":["a"],"runner":"DOCKER"})"}) {
    ORCH_ASSERT_OK_AND_ASSIGN(const ScriptConfig config, ReadScriptConfig(Commands(), json));
    EXPECT_TRUE(config.wants_docker);
  }
  ORCH_ASSERT_OK_AND_ASSIGN(
      const ScriptConfig config,
      ReadScriptConfig(
          Commands(),
          R"({"commands":["a"],"taskRunner":{"type":"io.kestra.plugin.core.runner.Process"}})"));
  EXPECT_FALSE(config.wants_docker);
}

TEST(CommandBlock, FailsFastAndBracketsWhatComesBefore) {
  ScriptConfig config;
  config.commands = {"a", "b"};
  EXPECT_EQ(CommandBlock(config), "set -e\na\nb");
  config.before_commands = {"pip install x"};
  config.fail_fast = false;
  EXPECT_EQ(CommandBlock(config),
            "echo '##kestra:log:debug##'\npip install x\necho '##kestra:log:info##'\na\nb");
}

TEST(AddressesIn, FindsEachOnce) {
  EXPECT_THAT(AddressesIn("cat kestra:///a/b.txt 'kestra:///c' kestra:///a/b.txt kestra://"),
              ElementsAre("kestra:///a/b.txt", "kestra:///c"));
}

TEST(IsoDuration, IsWrittenAsPeopleKnowIt) {
  EXPECT_EQ(IsoDuration(5'000'000), "PT5S");
  EXPECT_EQ(IsoDuration(90'500'000), "PT1M30.5S");
  EXPECT_EQ(IsoDuration(3'600'000'000), "PT1H");
  EXPECT_EQ(IsoDuration(250'000), "PT0.25S");
  EXPECT_EQ(IsoDuration(0), "PT0S");
}

}  // namespace
}  // namespace orch::worker
