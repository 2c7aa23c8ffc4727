#include "controlplane/flow/yaml.h"

#include "expression/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::flow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Reading {
  std::unique_ptr<YamlDocument> document;
  std::vector<std::string> complaints;
};

Reading Read(std::string_view text, const YamlLimits& limits = {}) {
  std::vector<Complaint> complaints;
  Reading reading;
  reading.document = YamlDocument::Read(text, limits, &complaints);
  for (const Complaint& complaint : complaints)
    reading.complaints.push_back(ComplaintText(complaint));
  return reading;
}

std::string Json(std::string_view text) {
  const Reading reading = Read(text);
  if (reading.document == nullptr) return "refused";
  return expression::ToJson(ToValue(reading.document->root()), expression::NullPolicy::kKeep);
}

TEST(Yaml, PlainScalarsHaveTheKindsOfTheCoreSchemaAndQuotedOnesStayText) {
  struct Case {
    const char* yaml;
    const char* json;
  };
  const Case cases[] = {
      {"[1, -2, +3, 007, 0x1f, 0o17]", "[1,-2,3,7,31,15]"},
      {"[1.5, -0.25, 1e3, .5, 2.]", "[1.5,-0.25,1000.0,0.5,2.0]"},
      {"[true, False, TRUE, yes, on, y]", R"([true,false,true,"yes","on","y"])"},
      {"[null, ~, Null, NULL, ]", "[null,null,null,null]"},
      {R"(["1", '2', "true", 'null'])", R"(["1","2","true","null"])"},
      {"[1_000, 1.2.3, 2024-05-01, 0x, .inf, .nan, '', 1e]",
       R"(["1_000","1.2.3","2024-05-01","0x",".inf",".nan","","1e"])"},
      {"[9223372036854775807, 9223372036854775808, -123456789012345678901234567890]",
       "[9223372036854775807,9223372036854775808,-123456789012345678901234567890]"},
      {"{1: a, true: b, 1.5: c, null: d}", R"({"1":"a","true":"b","1.5":"c","null":"d"})"},
      {"[!!str 12, !!int '12', ! 7]", R"(["12",12,"7"])"},
      {"a: &x [1, 2]\nb: *x", R"({"a":[1,2],"b":[1,2]})"},
      {"text: |\n  one\n  two\n", R"({"text":"one\ntwo\n"})"},
  };
  for (const Case& c : cases) EXPECT_EQ(Json(c.yaml), c.json) << c.yaml;
}

TEST(Yaml, WhatCannotBeReadIsRefusedWithLineAndColumn) {
  struct Case {
    const char* name;
    std::string yaml;
    std::vector<std::string> complaints;
  };
  const Case cases[] = {
      {"an empty text", "", {"line 1, column 1: the document is empty"}},
      {"a comment alone", "# nothing\n", {"line 1, column 1: the document is empty"}},
      {"every duplicate key",
       "a: 1\nb: {c: 1, c: 2}\na: 3\n",
       {"line 2, column 11: Duplicate field 'c'", "line 3, column 1: Duplicate field 'a'"}},
      {"an unclosed list",
       "a: [1,\n",
       {"line 2, column 1: Illegal flow yaml: end of sequence flow not found"}},
      {"an alias in its own anchor",
       "a: &x\n  b: *x\n",
       {"line 2, column 6: an alias stands inside what it names; write the value out"}},
      {"an alias without an anchor",
       "a: *x\n",
       {"line 1, column 4: Illegal flow yaml: the referenced anchor is not defined"}},
      {"an unknown tag",
       "a: !secret x\nb: !!binary aGk=\n",
       {"line 1, column 4: the tag `!secret` is not known; leave it out",
        "line 2, column 4: the tag `tag:yaml.org,2002:binary` is not known; leave it out"}},
      {"bad UTF-8", "id: a\nb: \xc3\x28\n", {"line 2, column 4: the text is not valid UTF-8"}},
      {"an overlong encoding", "a: \xc0\xaf", {"line 1, column 4: the text is not valid UTF-8"}},
      {"a surrogate", "a: \xed\xa0\x80", {"line 1, column 4: the text is not valid UTF-8"}},
      {"a control character",
       std::string("a: b\0c", 6),
       {"line 1, column 5: a control character is not allowed here"}},
      {"a list as a key",
       "? [a]\n: b\n",
       {"line 1, column 3: a key must be a text, not a list or a map"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Reading reading = Read(c.yaml);
    EXPECT_EQ(reading.document, nullptr);
    EXPECT_EQ(reading.complaints, c.complaints);
  }
}

TEST(Yaml, OnlyTheFirstDocumentIsReadAndTheSecondIsNotPassedOverInSilence) {
  const Reading reading = Read("a: 1\n---\nb: 2\n");
  ASSERT_NE(reading.document, nullptr);
  EXPECT_NE(reading.document->root().Find("a"), nullptr);
  EXPECT_EQ(reading.document->root().Find("b"), nullptr);
  EXPECT_THAT(
      reading.complaints,
      ElementsAre("line 2, column 1: a second document begins here; only the first one is read"));
  EXPECT_THAT(Read("---\na: 1\n").complaints, ElementsAre());
}

TEST(Yaml, LimitsHoldExactly) {
  YamlLimits limits;
  limits.depth_max = 3;
  EXPECT_NE(Read("[[[1]]]", limits).document, nullptr);
  EXPECT_THAT(Read("[[[[1]]]]", limits).complaints,
              ElementsAre("line 1, column 4: lists and maps nest deeper than 3"));
  EXPECT_NE(Read("- &a [[1]]\n- *a\n", limits).document, nullptr);
  EXPECT_THAT(Read("- &a [[1]]\n- [*a]\n", limits).complaints,
              ElementsAre("line 2, column 4: lists and maps nest deeper than 3"));

  limits = {};
  limits.node_count_max = 5;
  EXPECT_NE(Read("[1, 2, 3, 4]", limits).document, nullptr);
  EXPECT_THAT(Read("[1, 2, 3, 4, 5]", limits).complaints,
              ElementsAre(HasSubstr("more than 5 values")));
  EXPECT_THAT(Read("[&a [1], *a, *a]", limits).complaints,
              ElementsAre(HasSubstr("more than 5 values")));

  limits = {};
  limits.alias_count_max = 1;
  EXPECT_NE(Read("[&a 1, *a]", limits).document, nullptr);
  EXPECT_THAT(Read("[&a 1, *a, *a]", limits).complaints,
              ElementsAre(HasSubstr("more than 1 aliases")));

  limits = {};
  limits.bytes_max = 4;
  EXPECT_NE(Read("a: 1", limits).document, nullptr);
  EXPECT_THAT(Read("a: 12", limits).complaints, ElementsAre(HasSubstr("has 5 bytes; at most 4")));
}

TEST(Yaml, PlacesInsideTextsAreFoundInTheSource) {
  struct Case {
    const char* yaml;
    int line, column;
    Mark mark;
  };
  const Case cases[] = {
      {"a: plain text", 1, 3, {1, 6}},
      {"a: \"quoted\"", 1, 3, {1, 7}},
      {"a: |\n    one\n    two\n", 2, 2, {3, 6}},
  };
  for (const Case& c : cases) {
    const Reading reading = Read(c.yaml);
    const Mark mark =
        reading.document->Locate(*reading.document->root().Find("a")->value, c.line, c.column);
    EXPECT_EQ(mark.line, c.mark.line) << c.yaml;
    EXPECT_EQ(mark.column, c.mark.column) << c.yaml;
  }
}

TEST(Yaml, DataIsReadWithoutAFlowAroundIt) {
  EXPECT_EQ(expression::ToJson(*ParseYaml("a: [1, x]")), R"({"a":[1,"x"]})");
  EXPECT_FALSE(ParseYaml("a: [").ok());
}

}  // namespace
}  // namespace orch::flow
