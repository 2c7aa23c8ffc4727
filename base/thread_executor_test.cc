#include "base/thread_executor.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "base/notification.h"

namespace orch {
namespace {

TEST(ThreadExecutor, RunsPostsInTheirOrder) {
  ThreadExecutor executor("test");
  std::vector<int> seen;  // Touched by the strand alone, until it has ended.
  Notification done;
  for (int i = 0; i < 100; ++i) executor.Post([&seen, i] { seen.push_back(i); });
  executor.Post([&] { done.Notify(); });
  done.Wait();
  ASSERT_EQ(seen.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[i], i);
}

TEST(ThreadExecutor, RunsOneFunctionAtATimeWhoeverPosts) {
  ThreadExecutor executor("test");
  int unguarded = 0;  // The thread sanitizer objects if two functions ever overlap.
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&] {
      for (int i = 0; i < 250; ++i) executor.Post([&] { ++unguarded; });
    });
  }
  for (std::thread& poster : posters) poster.join();
  Notification done;
  executor.Post([&] { done.Notify(); });
  done.Wait();
  EXPECT_EQ(unguarded, 1000);
}

TEST(ThreadExecutor, NeverRunsAFunctionInsideThePost) {
  ThreadExecutor executor("test");
  Notification done;
  bool inner_ran = false;
  bool ran_inside = true;
  executor.Post([&] {
    executor.Post([&] {
      inner_ran = true;
      done.Notify();
    });
    ran_inside = inner_ran;
  });
  done.Wait();
  EXPECT_FALSE(ran_inside);
}

TEST(ThreadExecutor, RunsTimersByDueTimeAndNeverEarly) {
  ThreadExecutor executor("test");
  std::vector<int> seen;
  Notification done;
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point end;
  executor.PostAt(absl::Milliseconds(30), [&] {
    seen.push_back(3);
    end = std::chrono::steady_clock::now();
    done.Notify();
  });
  executor.PostAt(absl::Milliseconds(10), [&] { seen.push_back(2); });
  executor.PostAt(absl::ZeroDuration(), [&] { seen.push_back(1); });
  done.Wait();
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
  EXPECT_GE(end - begin, std::chrono::milliseconds(30));
}

TEST(ThreadExecutor, ATimerDueNeverDoesNotOverflow) {
  ThreadExecutor executor("test");
  Notification done;
  bool fired = false;
  executor.PostAt(absl::InfiniteDuration(), [&] { fired = true; });
  executor.PostAt(absl::Milliseconds(5), [&] { done.Notify(); });
  done.Wait();
  executor.Stop();
  EXPECT_FALSE(fired);
}

TEST(ThreadExecutor, ACancelledTimerDoesNotRun) {
  ThreadExecutor executor("test");
  Notification done;
  bool fired = false;
  const TimerId timer = executor.PostAt(absl::Milliseconds(5), [&] { fired = true; });
  EXPECT_TRUE(executor.Cancel(timer));
  EXPECT_FALSE(executor.Cancel(timer)) << "cancelling twice is no error, and says so";
  executor.PostAt(absl::Milliseconds(15), [&] { done.Notify(); });
  done.Wait();
  EXPECT_FALSE(fired);
  EXPECT_FALSE(executor.Cancel(kNoTimer));
}

TEST(ThreadExecutor, ATimerThatHasRunCannotBeCancelled) {
  ThreadExecutor executor("test");
  Notification done;
  const TimerId timer = executor.PostAt(absl::ZeroDuration(), [&] { done.Notify(); });
  done.Wait();
  EXPECT_FALSE(executor.Cancel(timer));
}

TEST(ThreadExecutor, StoppingDropsWhatWaits) {
  const auto held = std::make_shared<int>(0);
  {
    ThreadExecutor executor("test");
    Notification running;
    Notification go_on;
    executor.Post([&] {
      running.Notify();
      go_on.Wait();
    });
    running.Wait();
    executor.Post([held] { ++*held; });
    executor.PostAt(absl::Hours(1), [held] { ++*held; });
    std::thread releaser([&] { go_on.Notify(); });
    executor.Stop();
    releaser.join();
    executor.Post([held] { ++*held; });
    executor.PostAt(absl::ZeroDuration(), [held] { ++*held; });
    executor.Stop();
    EXPECT_EQ(held.use_count(), 1) << "stopping destroys the functions that it drops";
  }
  EXPECT_LE(*held, 1) << "only what had begun before the stop may have run";
}

TEST(ThreadExecutor, KnowsItsOwnStrand) {
  ThreadExecutor executor("test");
  Notification done;
  bool inside = false;
  executor.Post([&] {
    inside = executor.IsCurrent();
    done.Notify();
  });
  done.Wait();
  EXPECT_TRUE(inside);
  EXPECT_FALSE(executor.IsCurrent());
}

}  // namespace
}  // namespace orch
