#include "controlplane/store/work_queue.h"

#include <pthread.h>

namespace orch::store {

WorkQueue::WorkQueue(const std::string& name, int thread_count) {
  for (int i = 0; i < thread_count; ++i) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), name.substr(0, 15).c_str());
  }
}

void WorkQueue::Post(std::function<void()> work) {
  MutexLock lock(&mutex_);
  if (stopping_) return;
  work_.push_back(std::move(work));
  changed_.Signal();
}

void WorkQueue::PostIfIdle(std::function<void()> work) {
  MutexLock lock(&mutex_);
  if (stopping_ || !work_.empty()) return;
  work_.push_back(std::move(work));
  changed_.Signal();
}

void WorkQueue::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkQueue::Run() {
  for (;;) {
    std::function<void()> work;
    {
      MutexLock lock(&mutex_);
      while (work_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (work_.empty()) return;
      work = std::move(work_.front());
      work_.pop_front();
    }
    work();
  }
}

}  // namespace orch::store
