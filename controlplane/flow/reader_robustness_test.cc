// Texts made to hurt: every one is answered, soon, and within the budget.
#include <functional>
#include <string>

#include "absl/strings/str_format.h"
#include "controlplane/flow/reader.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::flow {
namespace {

constexpr size_t kMegabyte = 1024 * 1024;
const char kHead[] = "id: main\nnamespace: a\n";

std::string Repeat(std::string_view part, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += part;
  return text;
}

std::string Numbered(int count, const std::function<std::string(int)>& item) {
  std::string text;
  for (int i = 0; i < count; ++i) text += item(i);
  return text;
}

TEST(ReaderRobustness, TextsMadeToHurtAreRefused) {
  struct Case {
    const char* name;
    std::string yaml;
    const char* complaint;
  };
  std::string bomb = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (char c = 'b'; c <= 'z'; ++c) {
    bomb += absl::StrFormat("%c: &%c [%s*%c]\n", c, c, Repeat(absl::StrFormat("*%c, ", c - 1), 8),
                            c - 1);
  }
  const Case cases[] = {
      {"lists in lists", kHead + std::string("tasks: ") + std::string(500'000, '['),
       "nest deeper than 256"},
      {"maps in maps", Repeat("{a: ", 200'000), "nest deeper than 256"},
      {"dashes", Repeat("- ", 500'000) + "a", "nest deeper than 256"},
      {"question marks", Repeat("? ", 500'000), "nest deeper than 256"},
      {"an alias bomb", bomb, "more than 200000 values"},
      {"a list without end", "a: [" + Repeat("1,", 500'000) + "]", "more than 200000 values"},
      {"anchors without end", Repeat("- &a x\n", 149'000), "a flow must be a map"},
      {"aliases without end", "- &a x\n" + Repeat("- *a\n", 200'000), "more than 10000 aliases"},
      {"one text", std::string(kMegabyte, 'x'), "a flow must be a map"},
      {"too much text", std::string(kMegabyte + 1, 'x'), "has 1048577 bytes; at most 1048576"},
      {"colons", std::string(kMegabyte, ':'), "line 1"},
      {"exclamation marks", std::string(kMegabyte, '!'), "line 1"},
      {"quotes", std::string(kMegabyte, '"'), "line 1"},
      {"percent signs", std::string(kMegabyte, '%'), "line 1"},
      {"unknown fields",
       kHead + Numbered(20'000, [](int i) { return absl::StrFormat("f%d: x\n", i); }),
       "Unrecognized field"},
      {"unknown types",
       kHead + std::string("tasks:\n") +
           Numbered(3'000,
                    [](int i) { return absl::StrFormat("- {id: t%d, type: log.Logg}\n", i); }),
       "Invalid type: log.Logg"},
      {"inputs in a ring",
       kHead + Numbered(1, [](int) { return std::string("inputs:\n"); }) +
           Numbered(3'000,
                    [](int i) {
                      return absl::StrFormat(
                          "- {id: i%d, type: STRING, dependsOn: {inputs: [i%d]}}\n", i,
                          (i + 1) % 3'000);
                    }),
       "inputs depend on each other"},
      {"defaults that multiply",
       kHead + std::string("pluginDefaults:\n") +
           Repeat("- {type: l, values: {message: [a, b, c, d, e, f, g]}}\n", 500) + "tasks:\n" +
           Numbered(2'000,
                    [](int i) {
                      return absl::StrFormat("- {id: t%d, type: log.Log, message: [x]}\n", i);
                    }),
       "the defaults make the flow too large"},
  };
  const TaskTypes types = *TaskTypes::BuiltIn();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const ReadResult result = ReadFlow(c.yaml, types);
    EXPECT_EQ(result.flow, nullptr);
    EXPECT_LE(result.complaints.size(), 1'001u);
    ASSERT_FALSE(result.complaints.empty());
    bool found = false;
    for (const Complaint& complaint : result.complaints) {
      found = found || ComplaintText(complaint).find(c.complaint) != std::string::npos;
    }
    EXPECT_TRUE(found) << ComplaintText(result.complaints.front());
  }
}

TEST(ReaderRobustness, WhatIsLargeButRightIsRead) {
  const TaskTypes types = *TaskTypes::BuiltIn();
  const ReadResult many = ReadFlow(
      kHead + std::string("tasks:\n") +
          Numbered(
              5'000,
              [](int i) { return absl::StrFormat("- {id: t%d, type: log.Log, message: x}\n", i); }),
      types);
  ASSERT_NE(many.flow, nullptr);
  EXPECT_EQ(many.flow->tasks_by_index.size(), 5'000u);

  // 120 Sequentials in each other: two levels of YAML each.
  const std::string deep =
      kHead + std::string("tasks: ") +
      Numbered(
          120,
          [](int i) { return absl::StrFormat("[{id: s%d, type: flow.Sequential, tasks: ", i); }) +
      "[{id: z, type: debug.Return}]" + Repeat("}]", 120);
  const ReadResult nested = ReadFlow(deep, types);
  ASSERT_NE(nested.flow, nullptr);
  EXPECT_EQ(nested.flow->FindTask("z")->parent, nested.flow->FindTask("s119")->index);
}

// Every prefix of a flow, and every flow with one byte changed, is answered.
TEST(ReaderRobustness, ABrokenFlowIsAnAnswer) {
  const std::string yaml =
      "id: main\nnamespace: a.b\nlabels: {a: b}\ninputs:\n- {id: i, type: INT, defaults: 3}\n"
      "pluginDefaults: [{type: log., values: {level: WARN}}]\ntasks:\n- id: p\n  type: flow.If\n"
      "  condition: \"{{ inputs.i > 2 }}\"\n  then: &t\n  - {id: l, type: log.Log, message: [a, "
      "'b']}\n"
      "outputs: [{id: o, type: STRING, value: |\n  x\n}]\n";
  const TaskTypes types = *TaskTypes::BuiltIn();
  for (size_t i = 0; i <= yaml.size(); ++i) {
    const ReadResult result = ReadFlow(std::string_view(yaml).substr(0, i), types);
    EXPECT_EQ(result.flow == nullptr, AnyError(result.complaints));
  }
  for (size_t i = 0; i < yaml.size(); ++i) {
    for (const char c : {'{', ']', ':', '\n', '"', '*', '\xff', '-', '#'}) {
      std::string broken = yaml;
      broken[i] = c;
      const ReadResult result = ReadFlow(broken, types);
      EXPECT_EQ(result.flow == nullptr, AnyError(result.complaints));
    }
  }
}

}  // namespace
}  // namespace orch::flow
