#include "controlplane/store/sqlite/work_queue.h"

#include <pthread.h>

namespace orch::store::sqlite {

WorkQueue::WorkQueue(std::string name) : thread_([this] { Run(); }) {
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
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
  if (thread_.joinable()) thread_.join();
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

}  // namespace orch::store::sqlite
