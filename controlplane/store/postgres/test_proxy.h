// TestProxy stands between a client and a PostgreSQL server, understands where their messages end,
// and cuts lines at the worst moment.
//
// Threads     Thread-safe. Starts one to accept and two for each line.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "base/mutex.h"

namespace orch::store::postgres {

class TestProxy {
 public:
  // Listens in a new folder below /tmp and forwards to `server_socket`.
  explicit TestProxy(std::string server_socket);
  ~TestProxy();
  TestProxy(const TestProxy&) = delete;
  TestProxy& operator=(const TestProxy&) = delete;

  // The host for libpq.
  const std::string& folder() const { return folder_; }

  // What happens to the next line on which the Sync of a batch comes.
  enum class Cut {
    kNone,
    kAfterSync,   // The server gets it and works on; the client's line ends. The server does not
                  // notice.
    kBeforeSync,  // The server never gets it, and both lines end.
  };
  void CutNext(Cut cut) { cut_ = cut; }
  // Whether the cut has been made.
  bool cut_done() const { return cut_ == Cut::kNone; }

  // Ends all lines and takes none, until Open.
  void Close();
  void Open();

  // Tells clients of another process than the one they talk to, as poolers do.
  void FakeProcess() { fake_process_ = true; }

 private:
  struct Line {
    std::atomic<int> client{-1};
    std::atomic<int> server{-1};
    std::atomic<bool> mute{false};  // Nothing goes back to the client any more.
    std::thread up;
    std::thread down;
  };
  void Accept();
  void Up(Line* line);
  void Down(Line* line);

  const std::string server_socket_;
  std::string folder_;
  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> closed_{false};
  std::atomic<Cut> cut_{Cut::kNone};
  std::atomic<bool> fake_process_{false};
  Mutex mutex_;
  std::list<std::unique_ptr<Line>> lines_ ABSL_GUARDED_BY(mutex_);
  std::thread accepting_;
};

}  // namespace orch::store::postgres
