// Durations, suggestions, cycles, sources.
#include "controlplane/flow/closest.h"
#include "controlplane/flow/duration.h"
#include "controlplane/flow/graph.h"
#include "controlplane/flow/source.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::flow {
namespace {

using testing::ElementsAre;

TEST(Duration, IsIsoOrSeconds) {
  struct Case {
    const char* text;
    std::optional<absl::Duration> duration;
  };
  const Case cases[] = {
      {"PT5S", absl::Seconds(5)},
      {"P1DT2H", absl::Hours(26)},
      {"P2D", absl::Hours(48)},
      {"PT1H30M", absl::Minutes(90)},
      {"PT1.5S", absl::Milliseconds(1500)},
      {"PT0.000000001S", absl::Nanoseconds(1)},
      {"-PT5S", -absl::Seconds(5)},
      {"PT-5S", -absl::Seconds(5)},
      {"pt5s", absl::Seconds(5)},
      {"90", absl::Seconds(90)},
      {"0.25", absl::Milliseconds(250)},
      {"-1", -absl::Seconds(1)},
      {"", std::nullopt},
      {"P", std::nullopt},
      {"PT", std::nullopt},
      {"P1DT", std::nullopt},
      {"P1H", std::nullopt},
      {"PT1D", std::nullopt},
      {"PT1M1H", std::nullopt},
      {"PT1.5M", std::nullopt},
      {"P1W", std::nullopt},
      {"PT5", std::nullopt},
      {"5s", std::nullopt},
      {"1.", std::nullopt},
      {"abc", std::nullopt},
      {"99999999999999999999", std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(ParseDuration(c.text), c.duration) << c.text;
}

TEST(Closest, IsWhatTakesFewestChanges) {
  const std::vector<std::string> words = {"message", "level", "format", "Format"};
  EXPECT_EQ(Closest("mesage", words), "message");
  EXPECT_EQ(Closest("elvel", words), "level");
  EXPECT_EQ(Closest("fromat", words), "format");
  EXPECT_EQ(Closest("FORMAT", {"level", "Format"}), "Format");
  EXPECT_EQ(Closest("x", words), "");
  EXPECT_EQ(Closest("something", words), "");
  EXPECT_EQ(DidYouMean("mesage", words), "; did you mean `message`?");
  EXPECT_EQ(DidYouMean("zzz", words), "");
}

TEST(Graph, WhatReachesItselfIsOnACycle) {
  EXPECT_THAT(OnCycles({}), ElementsAre());
  EXPECT_THAT(OnCycles({{"a", {"b"}}, {"b", {"c"}}, {"c", {}}}), ElementsAre());
  EXPECT_THAT(OnCycles({{"a", {"a"}}, {"b", {"a"}}}), ElementsAre("a"));
  EXPECT_THAT(OnCycles({{"d", {"a"}},
                        {"a", {"b"}},
                        {"b", {"c", "x"}},
                        {"c", {"a"}},
                        {"e", {"f"}},
                        {"f", {"e"}}}),
              ElementsAre("a", "b", "c", "e", "f"));
  std::vector<std::pair<std::string, std::vector<std::string>>> ring;
  for (int i = 0; i < 50'000; ++i)
    ring.push_back({std::to_string(i), {std::to_string((i + 1) % 50'000)}});
  EXPECT_EQ(OnCycles(ring).size(), 50'000u);
}

TEST(Source, ARevisionLineSaysNothing) {
  EXPECT_TRUE(SameSource("id: a\nrevision: 3\ntasks: []\n", "id: a\ntasks: []\n"));
  EXPECT_TRUE(SameSource("revision: 12\nid: a\n", "id: a\nrevision: 7\n"));
  EXPECT_FALSE(SameSource("id: a\n  revision: 3\n", "id: a\n"));
  EXPECT_FALSE(SameSource("id: a\nrevision: x\n", "id: a\n"));
  EXPECT_FALSE(SameSource("id: a\n# note\n", "id: a\n"));
  EXPECT_EQ(SourceDigest("id: a\nrevision: 3\n"), SourceDigest("id: a\n"));
  EXPECT_NE(SourceDigest("id: a\n"), SourceDigest("id: b\n"));
  EXPECT_EQ(SourceDigest("").size(), 64u);
}

TEST(Source, AFlowIsDisabledWhereItsAuthorWould) {
  EXPECT_EQ(WithDisabled("id: a\nnamespace: b\ntasks: []\n", true),
            "id: a\nnamespace: b\ndisabled: true\ntasks: []\n");
  EXPECT_EQ(WithDisabled("id: a\ndisabled: true # why\nnamespace: b\n", false),
            "id: a\nnamespace: b\n");
  EXPECT_EQ(WithDisabled("disabled: false\nnamespace: b", true), "disabled: true\nnamespace: b");
  EXPECT_EQ(WithDisabled("namespace: b", true), "namespace: b\ndisabled: true\n");
  EXPECT_EQ(WithDisabled("id: a\n", false), "id: a\n");
}

TEST(Source, DocumentsAreSplitAtTheirSeparators) {
  const auto documents =
      SplitDocuments("id: a\n---\n# nothing\n---\nid: b\ntext: ---\n--- # c\nid: c");
  ASSERT_EQ(documents.size(), 3u);
  EXPECT_EQ(documents[0].text, "id: a\n");
  EXPECT_EQ(documents[0].line_offset, 0);
  EXPECT_EQ(documents[1].text, "id: b\ntext: ---\n");
  EXPECT_EQ(documents[1].line_offset, 4);
  EXPECT_EQ(documents[2].text, "id: c");
  EXPECT_EQ(documents[2].line_offset, 7);
}

}  // namespace
}  // namespace orch::flow
