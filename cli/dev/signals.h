#pragma once

namespace orch::cli {

// Signals waits for SIGTERM and SIGINT. The first is an order to end well; the second ends the
// process at once, with 128 + its number.
//
// Child processes are not touched: what a handler does ends at their exec.
class Signals {
 public:
  // Takes both signals over, for the whole process and for good.
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Returns once a signal has come; which.
  int Wait();

  // Readable once a signal has come: for those that wait for more than that.
  int fd() const { return read_fd_; }

 private:
  int read_fd_ = -1;
};

}  // namespace orch::cli
