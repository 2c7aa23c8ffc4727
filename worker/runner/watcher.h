// Watcher reads what shims write, of all attempts, in one thread: woken by the kernel (inotify,
// pidfd), and once a second in case it was not.
//
// Threads     Watch from any thread. Callbacks run on the watcher's thread, and must not block.
// Memory      Reads on only while less than 8 MiB of lines are on their way (Took says when).
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"
#include "worker/runner/attempt_folder.h"
#include "worker/runner/output_reader.h"

namespace orch::worker {

class Watcher {
 public:
  struct Subject {
    AttemptFolder folder{""};
    int pid = 0;        // Of the shim.
    std::string start;  // Of a shim that is no child of this process.
    std::shared_ptr<OutputReader> reader;
    std::function<void(std::vector<v1::LogLine>, int64_t bytes)> lines;
    std::function<void(ExitStatus)> ended;  // Last call, after all lines.
  };

  Watcher();
  // Stops reading. No callback runs after it.
  ~Watcher();

  void Watch(Subject subject);

  // Lines that were handed out have been taken in.
  void Took(int64_t bytes) { on_their_way_ -= bytes; }

 private:
  struct Watched {
    Subject subject;
    UniqueFd pidfd;
    UniqueFd output;
    int inotify = -1;
    bool gone = false;  // The shim has exited.
  };

  void Loop();
  void Add(Subject subject);
  void Service(uint64_t id);
  bool ReadOn(Watched& watched);  // False: there is more, later.
  void Reap();

  std::atomic<int64_t> on_their_way_ = 0;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;
  std::vector<Subject> incoming_ ABSL_GUARDED_BY(mutex_);

  // Of the thread alone.
  UniqueFd epoll_;
  UniqueFd wake_;
  UniqueFd notify_;
  uint64_t last_id_ = 0;
  std::map<uint64_t, Watched> watched_;
  std::map<int, uint64_t> by_notify_;
  std::vector<int> unreaped_;
  bool backlog_ = false;
  std::thread thread_;
};

}  // namespace orch::worker
