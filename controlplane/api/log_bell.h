// LogBell tells followers that lines of an attempt have become durable.
//
// Threads     Thread-safe. Listeners are called by who rings, and must only hand over.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace orch::api {

class LogBell {
 public:
  using Id = int64_t;
  using Listener = std::function<void(const std::string& attempt)>;

  // To be called for each chunk of lines that was stored.
  void Ring(const std::string& execution_id, const std::string& attempt) {
    std::vector<Listener> listeners;
    {
      MutexLock lock(&mutex_);
      for (const auto& [id, entry] : entries_) {
        if (entry.first == execution_id) listeners.push_back(entry.second);
      }
    }
    for (const Listener& listener : listeners) listener(attempt);
  }

  Id Subscribe(std::string execution_id, Listener listener) {
    MutexLock lock(&mutex_);
    entries_.emplace(++last_id_, std::make_pair(std::move(execution_id), std::move(listener)));
    return last_id_;
  }
  // A call that has begun may still end afterwards.
  void Unsubscribe(Id id) {
    MutexLock lock(&mutex_);
    entries_.erase(id);
  }

 private:
  Mutex mutex_;
  Id last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Id, std::pair<std::string, Listener>> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace orch::api
