#include "worker/runner/output_reader.h"

#include <string.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/shim/protocol.h"

namespace orch::worker {
namespace {

using shim::Frame;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string FrameOf(uint8_t stream, const std::string& text, bool part = false) {
  Frame frame;
  frame.size = static_cast<uint32_t>(text.size());
  frame.stream = stream;
  frame.flags = part ? Frame::kPart : 0;
  frame.micros = 7;
  std::string bytes(sizeof(frame), '\0');
  memcpy(bytes.data(), &frame, sizeof(frame));
  return bytes + text;
}
std::string Out(const std::string& text, bool part = false) {
  return FrameOf(Frame::kStdout, text, part);
}
std::string Err(const std::string& text) { return FrameOf(Frame::kStderr, text); }

struct Read {
  std::vector<std::string> texts;  // With the level's first letter before each.
  OutputReader reader;
};

Read ReadAll(const std::string& bytes, std::vector<std::string> secrets = {},
             size_t step = 1000000) {
  Read read{{}, OutputReader(secrets::Scrubber(secrets))};
  std::vector<v1::LogLine> lines;
  for (size_t at = 0; at < bytes.size(); at += step) {
    read.reader.Feed(std::string_view(bytes).substr(at, step), &lines);
  }
  for (const v1::LogLine& line : lines) {
    read.texts.push_back(v1::LogLevel_Name(line.level()).substr(0, 1) + " " + line.text());
  }
  return read;
}

TEST(OutputReader, StdoutIsInfoAndStderrIsErrorInTheirOrder) {
  const Read read = ReadAll(Out("a") + Err("b") + Out("") + Out("c"));
  EXPECT_THAT(read.texts, ElementsAre("I a", "E b", "I ", "I c"));
  EXPECT_TRUE(read.reader.saw_stderr());
}

TEST(OutputReader, GivesTheSameLinesForBytesInAnyPieces) {
  const std::string bytes = Out("first") + Out("par", true) + Err("between") + Out("t") +
                            Out(R"(::{"outputs":{"a":1}}::)") + Out(std::string(30'000, 'x'));
  const Read whole = ReadAll(bytes);
  for (const size_t step : {1, 3, 17, 4096}) {
    SCOPED_TRACE(step);
    EXPECT_EQ(ReadAll(bytes, {}, step).texts, whole.texts);
  }
  EXPECT_THAT(whole.texts[2], "I part");
}

TEST(OutputReader, ObeysOrdersAndShowsNone) {
  const Read read = ReadAll(
      Out(R"(::{"outputs":{"test":"value","int":2,"big":123456789012345678901234567890}}::)") +
      Err(R"(::{"outputs":{"int":3,"float":3.65}}::)") +
      Out(R"(::{"metrics":[{"type":"counter","name":"rows","value":42,"tags":{"src":"a"}},)"
          R"({"type":"odd","name":"x","value":1}]}::)") +
      Out(R"(::{"logs":[{"level":"WARN","message":"careful"},{"level":"LOUD","message":"x"}]}::)"));
  EXPECT_THAT(read.texts, ElementsAre("W careful", HasSubstr("W Invalid log entry")));
  EXPECT_FALSE(read.reader.saw_stderr());
  std::vector<std::string> vars;
  for (const JsonMember& var : read.reader.vars()) vars.push_back(var.name + "=" + var.value);
  EXPECT_THAT(vars, ElementsAre("test=\"value\"", "int=3", "big=123456789012345678901234567890",
                                "float=3.65"));
  ASSERT_EQ(read.reader.metrics().size(), 1u);
  EXPECT_EQ(read.reader.metrics()[0].value(), 42);
  EXPECT_EQ(read.reader.metrics()[0].tags(0).value(), "a");
}

TEST(OutputReader, OnlyTheMarkersAloneMakeAnOrder) {
  const Read read = ReadAll(Out(R"(x ::{"outputs":{}}::)") + Out(R"(::{"outputs":{}}:: )") +
                            Out("::{") + Out("::{}:"));
  EXPECT_EQ(read.texts.size(), 4u);
  EXPECT_THAT(read.reader.vars(), IsEmpty());
}

TEST(OutputReader, ABrokenOrderIsAWarningAndTheTaskGoesOn) {
  const Read read = ReadAll(Out("::{broken}::") + Out("next"));
  EXPECT_THAT(read.texts, ElementsAre(HasSubstr("W Invalid outputs"), "I next"));
}

TEST(OutputReader, AnOrderMayComeInPartsOfAFrame) {
  const Read read = ReadAll(Out(R"(::{"outputs":{"a":")", true) +
                            Out(std::string(100'000, 'y'), true) + Out("\"}}::"));
  EXPECT_THAT(read.texts, IsEmpty());
  ASSERT_EQ(read.reader.vars().size(), 1u);
  EXPECT_EQ(read.reader.vars()[0].value.size(), 100'002u);
}

TEST(OutputReader, WhatBeganLikeAnOrderAndIsNoneIsShown) {
  const Read read = ReadAll(Out("::{not", true) + Out(" an order"));
  EXPECT_THAT(read.texts, ElementsAre("I ::{not an order"));
}

TEST(OutputReader, LongLinesAreSplitBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 25'000; ++i) text += "é";
  const Read read = ReadAll(Out(text.substr(0, 30'001), true) + Out(text.substr(30'001)));
  ASSERT_EQ(read.texts.size(), 3u);
  EXPECT_EQ(read.texts[0].size(), 2 + 2 * 10'240u);
  EXPECT_EQ(read.texts[2].size(), 2 + 2 * (25'000 - 2 * 10'240u));
  std::string joined;
  for (const std::string& piece : read.texts) joined += piece.substr(2);
  EXPECT_EQ(joined, text);
}

TEST(OutputReader, SecretsAreMaskedAlsoAcrossPartsAndPieces) {
  const std::string secret = "sw0rdfish";
  const Read read = ReadAll(Out("a sw0rd", true) + Out("fish b") + Err("hex 737730726466697368") +
                                Out(std::string(10'236, 'x') + secret),
                            {secret});
  EXPECT_THAT(read.texts[0], "I a ****** b");
  EXPECT_THAT(read.texts[1], "E hex ******");
  for (const std::string& text : read.texts) EXPECT_THAT(text, testing::Not(HasSubstr("fish")));
}

TEST(OutputReader, LinesOfPreparationAreDebug) {
  const Read read = ReadAll(Out("##kestra:log:debug##") + Out("installing") + Err("oops") +
                            Out("##kestra:log:info##") + Out("run"));
  EXPECT_THAT(read.texts, ElementsAre("D installing", "E oops", "I run"));
}

TEST(OutputReader, BytesThatAreNoTextAreMended) {
  const Read read = ReadAll(Out("a\xff z"));
  EXPECT_THAT(read.texts, ElementsAre("I a\xef\xbf\xbd z"));
}

TEST(OutputReader, SaysWhatWasDropped) {
  Frame gap;
  gap.stream = Frame::kGap;
  gap.micros = 12345;
  std::string bytes(sizeof(gap), '\0');
  memcpy(bytes.data(), &gap, sizeof(gap));
  EXPECT_THAT(ReadAll(bytes).texts, ElementsAre(HasSubstr("12345 bytes")));
}

}  // namespace
}  // namespace orch::worker
