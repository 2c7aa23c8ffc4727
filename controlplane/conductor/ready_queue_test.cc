#include "controlplane/conductor/ready_queue.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::conductor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

std::string Name(const std::optional<ReadyQueue::Item>& item) {
  return item ? item->execution_id + "-" + std::to_string(item->run) : "nothing";
}

// What is taken out of a queue and type until it is empty.
std::vector<std::string> TakeAll(ReadyQueue& ready, const std::string& queue,
                                 const std::string& type) {
  std::vector<std::string> names;
  while (const auto item = ready.Take(queue, type)) names.push_back(Name(item));
  return names;
}

TEST(ReadyQueue, ExecutionsTakeTurnsAndTheirRunsKeepTheirOrder) {
  ReadyQueue ready;
  for (int64_t run = 0; run < 3; ++run) ready.Add("default", "t", {"big", run});
  ready.Add("default", "t", {"small", 0});
  ready.Add("default", "t", {"late", 7});
  EXPECT_EQ(ready.size(), 5);
  EXPECT_THAT(TakeAll(ready, "default", "t"),
              ElementsAre("big-0", "small-0", "late-7", "big-1", "big-2"));
  EXPECT_EQ(ready.size(), 0);
}

TEST(ReadyQueue, AddingWhatIsThereChangesNothing) {
  ReadyQueue ready;
  ready.Add("default", "t", {"e", 1});
  ready.Add("default", "t", {"e", 1});
  ready.AddFirst("default", "t", {"e", 1});
  ready.Add("other", "u", {"e", 1});
  EXPECT_EQ(ready.size(), 1);
  EXPECT_EQ(Name(ready.Take("other", "u")), "nothing");
  EXPECT_THAT(TakeAll(ready, "default", "t"), ElementsAre("e-1"));
}

TEST(ReadyQueue, ARunThatWasTakenBackGoesInFront) {
  ReadyQueue ready;
  ready.Add("default", "t", {"a", 1});
  ready.Add("default", "t", {"a", 2});
  ready.Add("default", "t", {"b", 1});
  ready.AddFirst("default", "t", {"a", 0});
  ready.AddFirst("default", "t", {"c", 9});
  EXPECT_THAT(TakeAll(ready, "default", "t"), ElementsAre("c-9", "a-0", "b-1", "a-1", "a-2"));
}

TEST(ReadyQueue, QueuesAndTypesAreApart) {
  ReadyQueue ready;
  ready.Add("default", "t", {"e", 1});
  ready.Add("default", "u", {"e", 2});
  ready.Add("gpu", "t", {"e", 3});
  EXPECT_THAT(ready.Types("default"), ElementsAre("t", "u"));
  EXPECT_THAT(ready.Types("nowhere"), IsEmpty());
  EXPECT_THAT(ready.QueuesAndTypes(),
              ElementsAre(Pair("default", "t"), Pair("default", "u"), Pair("gpu", "t")));
  EXPECT_EQ(ready.Count("default", "t"), 1);
  EXPECT_EQ(ready.Count("gpu", "u"), 0);
  EXPECT_EQ(Name(ready.Take("gpu", "t")), "e-3");
  EXPECT_EQ(Name(ready.Take("gpu", "t")), "nothing");
  EXPECT_EQ(ready.size(), 2);
}

TEST(ReadyQueue, WhatWasRemovedIsNotTaken) {
  ReadyQueue ready;
  for (int64_t run = 0; run < 3; ++run) ready.Add("default", "t", {"a", run});
  ready.Add("default", "t", {"b", 0});
  ready.Remove("a", 0);
  ready.Remove("a", 2);
  ready.Remove("a", 99);
  ready.Remove("nobody", 0);
  EXPECT_EQ(ready.size(), 2);
  EXPECT_EQ(ready.Count("default", "t"), 2);
  EXPECT_THAT(TakeAll(ready, "default", "t"), ElementsAre("a-1", "b-0"));
}

TEST(ReadyQueue, ARunThatWasRemovedMayBeAddedAgainElsewhere) {
  ReadyQueue ready;
  ready.Add("default", "t", {"e", 1});
  ready.Remove("e", 1);
  ready.Add("gpu", "t", {"e", 1});
  EXPECT_EQ(Name(ready.Take("default", "t")), "nothing");
  EXPECT_EQ(Name(ready.Take("gpu", "t")), "e-1");
}

TEST(ReadyQueue, AnExecutionIsRemovedFromAllQueuesAtOnce) {
  ReadyQueue ready;
  ready.Add("default", "t", {"gone", 0});
  ready.Add("gpu", "u", {"gone", 1});
  ready.Add("gpu", "u", {"stays", 0});
  ready.RemoveExecution("gone");
  ready.RemoveExecution("gone");
  EXPECT_EQ(ready.size(), 1);
  EXPECT_EQ(Name(ready.Take("default", "t")), "nothing");
  EXPECT_THAT(TakeAll(ready, "gpu", "u"), ElementsAre("stays-0"));
}

TEST(ReadyQueue, AnExecutionThatComesBackHasOneTurn) {
  ReadyQueue ready;
  ready.Add("default", "t", {"a", 0});
  ready.Add("default", "t", {"b", 0});
  ready.Add("default", "t", {"b", 1});
  ready.RemoveExecution("a");
  ready.Add("default", "t", {"a", 1});
  ready.Add("default", "t", {"a", 2});
  // Its old turn, left in front, or its new one: never both before b has had its first.
  const std::vector<std::string> taken = TakeAll(ready, "default", "t");
  EXPECT_THAT(taken, testing::UnorderedElementsAre("a-1", "a-2", "b-0", "b-1"));
  const auto at = [&](const char* name) {
    return std::find(taken.begin(), taken.end(), name) - taken.begin();
  };
  EXPECT_LT(at("b-0"), at("a-2"));
}

TEST(ReadyQueue, ClearForgetsEverything) {
  ReadyQueue ready;
  ready.Add("default", "t", {"e", 1});
  ready.Clear();
  EXPECT_EQ(ready.size(), 0);
  EXPECT_EQ(Name(ready.Take("default", "t")), "nothing");
  ready.Add("default", "t", {"e", 1});
  EXPECT_EQ(Name(ready.Take("default", "t")), "e-1");
}

}  // namespace
}  // namespace orch::conductor
