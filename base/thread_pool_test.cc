#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "base/notification.h"
#include "base/status_matchers.h"

namespace orch {
namespace {

TEST(ThreadPool, RunsAsManyAtOnceAsItHasThreads) {
  ThreadPool pool({.name = "test", .thread_count = 2});
  Notification first;
  Notification second;
  Notification done;
  // Each waits for the other: one thread alone would never end.
  ORCH_ASSERT_OK(pool.Run([&] {
    first.Notify();
    second.Wait();
    done.Notify();
  }));
  ORCH_ASSERT_OK(pool.Run([&] {
    first.Wait();
    second.Notify();
  }));
  done.Wait();
}

TEST(ThreadPool, RefusesWhatItsQueueCannotHold) {
  std::atomic<int> ran = 0;
  Notification go_on;
  Notification second_done;
  ThreadPool pool({.name = "test", .thread_count = 1, .queue_count_max = 1});
  Notification running;
  ORCH_ASSERT_OK(pool.Run([&] {
    running.Notify();
    go_on.Wait();
  }));
  running.Wait();
  ORCH_EXPECT_OK(pool.Run([&] {
    ++ran;
    second_done.Notify();
  }));
  EXPECT_THAT(pool.Run([&] { ++ran; }),
              StatusIs(absl::StatusCode::kResourceExhausted, testing::HasSubstr("'test'")));
  go_on.Notify();
  second_done.Wait();
  pool.Stop();
  EXPECT_EQ(ran, 1);
}

TEST(ThreadPool, StoppingWaitsForWorkAndDropsTheQueue) {
  const auto held = std::make_shared<int>(0);
  std::atomic<bool> ended = false;
  Notification running;
  Notification go_on;
  ThreadPool pool({.name = "test", .thread_count = 1});
  ORCH_ASSERT_OK(pool.Run([&] {
    running.Notify();
    go_on.Wait();
    ended = true;
  }));
  running.Wait();
  ORCH_ASSERT_OK(pool.Run([held] {}));
  std::thread releaser([&] { go_on.Notify(); });
  pool.Stop();
  releaser.join();
  EXPECT_TRUE(ended);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_THAT(pool.Run([] {}), StatusIs(absl::StatusCode::kFailedPrecondition));
  pool.Stop();
}

}  // namespace
}  // namespace orch
