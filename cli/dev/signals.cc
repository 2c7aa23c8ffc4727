#include "cli/dev/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace orch::cli {
namespace {

std::atomic<int> write_fd{-1};
std::atomic<int> signal_count{0};

void OnSignal(int number) {
  const int error = errno;
  if (signal_count.fetch_add(1) > 0) _exit(128 + number);
  const unsigned char byte = static_cast<unsigned char>(number);
  [[maybe_unused]] const ssize_t written = write(write_fd.load(), &byte, 1);
  errno = error;
}

}  // namespace

Signals::Signals() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return;
  read_fd_ = fds[0];
  write_fd = fds[1];
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

Signals::~Signals() { close(read_fd_); }

int Signals::Wait() {
  unsigned char byte = SIGTERM;
  while (read(read_fd_, &byte, 1) < 0 && errno == EINTR) {
  }
  return byte;
}

}  // namespace orch::cli
