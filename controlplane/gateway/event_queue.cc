#include "controlplane/gateway/event_queue.h"

#include <utility>

namespace orch::gateway {
namespace {

void Call(const std::function<void()>& callback) {
  if (callback) callback();
}

}  // namespace

bool EventQueue::Push(std::string text) {
  std::function<void()> ready;
  {
    MutexLock lock(&mutex_);
    if (closed_ || ended_) return false;
    texts_.push_back(std::move(text));
    ready = ready_;
  }
  Call(ready);
  return true;
}

void EventQueue::End() {
  std::function<void()> ready;
  {
    MutexLock lock(&mutex_);
    ended_ = true;
    ready = ready_;
  }
  Call(ready);
}

size_t EventQueue::pending() const {
  MutexLock lock(&mutex_);
  return texts_.size() + (sending_ ? 1 : 0);
}

void EventQueue::Listen(std::function<void()> drained, std::function<void()> closed) {
  {
    MutexLock lock(&mutex_);
    if (!closed_) {
      drained_ = std::move(drained);
      on_closed_ = std::move(closed);
      return;
    }
  }
  Call(closed);
}

void EventQueue::OnReady(std::function<void()> ready) {
  MutexLock lock(&mutex_);
  ready_ = std::move(ready);
}

EventQueue::Taken EventQueue::Take(std::string* text) {
  std::function<void()> drained;
  Taken taken = Taken::kNothing;
  {
    MutexLock lock(&mutex_);
    if (texts_.empty()) {
      if (sending_) drained = drained_;
      sending_ = false;
      if (ended_ || closed_) taken = Taken::kEnd;
    } else {
      *text = std::move(texts_.front());
      texts_.pop_front();
      sending_ = true;
      taken = Taken::kText;
    }
  }
  Call(drained);
  return taken;
}

void EventQueue::Close() {
  std::function<void()> closed, drained, ready;  // Destroyed without the lock: they own things.
  {
    MutexLock lock(&mutex_);
    if (closed_) return;
    closed_ = true;
    texts_.clear();
    sending_ = false;
    closed = std::move(on_closed_);
    drained = std::move(drained_);
    ready = std::move(ready_);
    on_closed_ = drained_ = ready_ = nullptr;
  }
  Call(closed);
}

}  // namespace orch::gateway
