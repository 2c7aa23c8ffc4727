#include "base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/notification.h"

namespace orch {
namespace {

bool AnotherThreadCanTake(Mutex& mutex) {
  bool taken = false;
  std::thread([&] {
    if (!mutex.TryLock()) return;
    mutex.Unlock();
    taken = true;
  }).join();
  return taken;
}

TEST(Mutex, LetsOneThreadInAtATime) {
  Mutex mutex;
  int count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        MutexLock lock(&mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 4000);
}

TEST(Mutex, CannotBeTriedWhileHeld) {
  Mutex mutex;
  mutex.Lock();
  EXPECT_FALSE(AnotherThreadCanTake(mutex));
  mutex.Unlock();
  EXPECT_TRUE(AnotherThreadCanTake(mutex));
}

TEST(CondVar, WakesWhoWaitsForAChange) {
  Mutex mutex;
  CondVar changed;
  int turn = 0;
  std::thread other([&] {
    MutexLock lock(&mutex);
    while (turn != 1) changed.Wait(&mutex);
    turn = 2;
    changed.SignalAll();
  });
  {
    MutexLock lock(&mutex);
    turn = 1;
    changed.SignalAll();
    while (turn != 2) changed.Wait(&mutex);
  }
  other.join();
  EXPECT_EQ(turn, 2);
}

TEST(CondVar, SaysWhenTheTimeWasUpAndHoldsTheLockAgain) {
  Mutex mutex;
  CondVar changed;
  MutexLock lock(&mutex);
  EXPECT_TRUE(changed.WaitWithTimeout(&mutex, -absl::Seconds(1)));
  EXPECT_TRUE(changed.WaitWithTimeout(&mutex, absl::Milliseconds(1)));
  EXPECT_FALSE(AnotherThreadCanTake(mutex));
}

TEST(Notification, LetsEveryWaiterGo) {
  Notification happened;
  EXPECT_FALSE(happened.HasBeenNotified());
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; ++i) waiters.emplace_back([&] { happened.Wait(); });
  happened.Notify();
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_TRUE(happened.HasBeenNotified());
}

}  // namespace
}  // namespace orch
