#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cli/exit_code.h"
#include "cli/offline/evaluation.h"
#include "cli/offline/fixture_facts.h"
#include "cli/offline/sources.h"
#include "cli/offline/typed_json.h"
#include "cli/offline/validation.h"
#include "expression/json.h"

namespace orch::cli {
namespace {

using expression::Value;

class Folder {
 public:
  Folder()
      : path_(std::filesystem::path(testing::TempDir()) / ("offline" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string Write(const std::string& name, const std::string& text) {
    const auto path = path_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(Sources, AFolderGivesItsYamlFilesByPathAndAFileOnlyOnce) {
  Folder folder;
  const std::string b = folder.Write("b.yml", "b");
  const std::string a = folder.Write("deep/a.yaml", "a");
  folder.Write("c.txt", "c");
  const auto sources = GatherSources({folder.path(), b, folder.path() + "/*.yml"});
  ASSERT_TRUE(sources.ok()) << sources.status();
  ASSERT_EQ(sources->size(), 2u);
  EXPECT_EQ((*sources)[0].name, b);
  EXPECT_EQ((*sources)[1].name, a);
  EXPECT_EQ((*sources)[1].text, "a");
}

TEST(Sources, WhatIsNotThereIsAWrongCommandLine) {
  Folder folder;
  for (const std::string& argument :
       {folder.path() + "/none.yaml", folder.path() + "/*.yaml", folder.path()}) {
    SCOPED_TRACE(argument);
    EXPECT_EQ(ExitCodeOf(GatherSources({argument}).status()), kUsage);
  }
}

std::vector<Checked> CheckText(const std::string& text, bool strict = false) {
  const auto types = flow::TaskTypes::BuiltIn();
  return Check({"f.yaml", text}, *types, {}, strict);
}

constexpr char kGood[] =
    "id: good\nnamespace: a.b\ntasks:\n  - id: t\n    type: log.Log\n    message: hi\n";

TEST(Validation, EveryDocumentIsCheckedAndLinesCountFromTheTop) {
  const auto all = CheckText(
      std::string(kGood) + "---\nid: bad\nnamespace: a.b\ntasks:\n  - id: t\n    type: log.Lgo\n");
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0].accepted);
  EXPECT_EQ(all[0].id, "good");
  EXPECT_FALSE(all[1].accepted);
  ASSERT_FALSE(all[1].complaints.empty());
  EXPECT_EQ(all[1].complaints[0].mark.line, 12);
}

TEST(Validation, AForeignTypeIsAWarningUnlessStrict) {
  const std::string text = "id: f\nnamespace: a\ntasks:\n  - id: t\n    type: acme.Thing\n";
  const auto lax = CheckText(text);
  ASSERT_EQ(lax.size(), 1u);
  EXPECT_TRUE(lax[0].accepted);
  EXPECT_NE(ResultsJson(lax, false).find("\"warnings\":["), std::string::npos);
  EXPECT_EQ(ResultsJson(lax, false).find("\"constraints\""), std::string::npos);
  const auto strict = CheckText(text, true);
  EXPECT_FALSE(strict[0].accepted);
  EXPECT_NE(ResultsJson(strict, true).find("\"constraints\""), std::string::npos);
}

TEST(Validation, AnEmptyTextIsRefused) {
  const auto all = CheckText("");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_FALSE(all[0].accepted);
}

TEST(Validation, AnExcerptShowsTheLineWithACaretUnderThePlace) {
  Checked checked;
  checked.source = "f.yaml";
  checked.complaints = {{flow::Severity::kError, {2, 7}, "tasks[0].type", "there is no such type"}};
  EXPECT_EQ(Excerpts(checked, "id: é\ntype: Wrong\n", false),
            "f.yaml:2:7: error: tasks[0].type: there is no such type\n"
            "    2 | type: Wrong\n"
            "      |       ^\n");
}

Value Json(std::string_view text) { return *expression::ParseJson(text); }

TEST(TypedJson, EachDollarKeyMakesItsOwnKind) {
  const struct {
    const char* given;
    const char* type;
    const char* json;
  } cases[] = {
      {R"({"$instant":"2024-02-03T04:05:06.120Z"})", "instant", "\"2024-02-03T04:05:06.120Z\""},
      {R"({"$zonedDateTime":"2024-02-03T04:05:06+02:00"})", "zonedDateTime", nullptr},
      {R"({"$localDateTime":"2024-02-03T04:05:06"})", "localDateTime", "\"2024-02-03T04:05:06\""},
      {R"({"$localDate":"2024-02-03"})", "localDate", "\"2024-02-03\""},
      {R"({"$duration":"PT1M30.5S"})", "duration", "\"PT1M30.5S\""},
      {R"({"$float":1.5})", "float", "1.5"},
      {R"({"$long":5})", "long", "5"},
      {R"({"$decimal":"1.50"})", "decimal", "1.50"},
      {R"({"$bigint":"123456789012345678901"})", "bigint", "123456789012345678901"},
      {R"({"$set":["x","y"]})", "set", "[\"x\",\"y\"]"},
      {R"({"$strings":["x"]})", "strings", "[\"x\"]"},
      {R"({"$uri":"a:b"})", "uri", "\"a:b\""},
      {R"({"a":{"$long":1},"b":null})", "map", "{\"a\":1,\"b\":null}"},
      {"7", "int", "7"},
      {"7000000000", "long", "7000000000"},
      {"null", "null", "null"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.given);
    const auto value = FromTypedJson(Json(c.given));
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_EQ(ClassOf(*value), c.type);
    if (c.json != nullptr) {
      EXPECT_EQ(ResultJson(*value), c.json);
    }
  }
}

TEST(TypedJson, WhatItCannotBeIsRefused) {
  for (const char* text : {R"({"$instant":"soon"})", R"({"$duration":"x"})", R"({"$float":"a"})",
                           R"({"$bigint":"1.5"})", R"({"$set":1})", R"({"$what":1})"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(FromTypedJson(Json(text)).ok());
  }
}

std::string Eval(const std::string& expression, const std::string& context,
                 EvalMode mode = EvalMode::kString, const std::string& target = "") {
  const auto file = ContextFile::Read(context);
  if (!file.ok()) return file.status().ToString();
  const auto outcome = Evaluate({expression, mode, target}, *file, absl::UnixEpoch(), 1);
  if (!outcome.ok()) return std::string(outcome.status().message());
  if (const auto* error = std::get_if<expression::Error>(&*outcome)) {
    return std::string(expression::CodeName(error->code)) + ": " + error->message;
  }
  return ResultJson(std::get<Value>(*outcome));
}

constexpr char kFixtures[] =
    R"({"flow": {"namespace": "a.b", "id": "fl"}, "execution": {"id": "e1"},
    "$fixtures": {"secrets": {"K": "v1"}, "kv": {"a": {"up": "there"}, "a.b": {"k": "v"}, "c": {"k": "w"}},
                  "files": {"/a/b/_files/d/f.txt": "hello",
                            "/a/b/fl/executions/e1/x.txt": "h\u00e9llo"}}})";

TEST(Evaluation, FactsComeFromTheFixtures) {
  EXPECT_EQ(Eval("{{ secret('k') }}", kFixtures), "\"v1\"");
  EXPECT_EQ(Eval("{{ kv('k') }} {{ kv('k', 'c') }} {{ kv('up') }}", kFixtures), "\"v w there\"");
  EXPECT_EQ(Eval("{{ read('d/f.txt') }}", kFixtures), "\"hello\"");
  EXPECT_EQ(Eval("{{ fileSize('kestra:///a/b/fl/executions/e1/x.txt') }}", kFixtures), "\"6\"");
  EXPECT_NE(Eval("{{ secret('Z') ?? 'd' }}", kFixtures).find("'Z'"), std::string::npos);
  EXPECT_TRUE(Eval("{{ kv('nope') }}", kFixtures).starts_with("eval: "));
}

TEST(Evaluation, EachModeKeepsWhatItPromises) {
  EXPECT_EQ(Eval("{{ a }}", R"({"a": 1})"), "\"1\"");
  EXPECT_EQ(Eval("{{ a }}", R"({"a": [1, null]})", EvalMode::kTyped), "[1,null]");
  EXPECT_EQ(Eval(R"({"{{ k }}": ["{{ k }}", 1, null]})", R"({"k": "x"})", EvalMode::kObject),
            R"({"x":["x",1,null]})");
  EXPECT_EQ(Eval("{{ v }}", R"({"v": "60.5"})", EvalMode::kProperty, "Duration"), "\"PT1M0.5S\"");
  EXPECT_EQ(Eval(R"(["{{ v }}", "2"])", R"({"v": 1})", EvalMode::kProperty, "List<Integer>"),
            "[1,2]");
  EXPECT_TRUE(
      Eval("{{ v }}", R"({"v": "info"})", EvalMode::kProperty, "Level").starts_with("eval: "));
  EXPECT_TRUE(Eval("{{ nope }}", "{}").starts_with("missing: "));
  EXPECT_TRUE(Eval("{{ ", "{}").starts_with("syntax: "));
}

TEST(Evaluation, AContextFileThatIsNoneIsAWrongCommandLine) {
  for (const char* text : {"", "[1]", "{\"$else\": 1}", "{\"a\": {\"$instant\": 1}}"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(ExitCodeOf(ContextFile::Read(text).status()), kUsage);
  }
}

}  // namespace
}  // namespace orch::cli
