// orch-shim: see README.md and protocol.h. Libc alone: no exceptions, no C++ library.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "worker/shim/protocol.h"

namespace {

using orch::worker::shim::Frame;
using orch::worker::shim::kFrameSizeMax;

constexpr int kWordsMax = 65536;
constexpr size_t kPlanBytesMax = 64 << 20;
constexpr size_t kBufferBytes = 256 << 10;

struct Plan {
  char** argv;
  char** envp;
  const char* cwd = nullptr;
  int64_t grace_ms = 5000;
  int64_t deadline_ns = 0;
  int64_t timeout_ns = 0;
  int64_t output_bytes_max = 0;
};

int folder = -1;  // The attempt's folder.
int output = -1;
int64_t output_bytes = 0;
int64_t lost_bytes = 0;
char buffer[kBufferBytes];  // Frames to be appended.
size_t buffered = 0;

int64_t Boottime() {
  timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

int64_t WallMicros() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
}

// Makes the file `exit`, and is the shim's last word.
[[noreturn]] void Finish(const char* reason, const char* how, int number, const char* message) {
  const int fd = openat(folder, "exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd >= 0) {
    dprintf(fd, "reason %s\n%s %d\nended_us %lld\nmessage %s\n", reason, how, number,
            static_cast<long long>(WallMicros()), message);
    fsync(fd);
    close(fd);
    renameat(folder, "exit.new", folder, "exit");
  }
  _exit(0);
}

[[noreturn]] void Fail(const char* doing, int error) {
  char message[512];
  snprintf(message, sizeof(message), "%s: %s", doing, strerror(error));
  Finish("failed", "code", 127, message);
}

// ---- Plan --------------------------------------------------------------------------------------

Plan ReadPlan() {
  const int fd = openat(folder, "plan", O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) Fail("read the plan", errno);
  const size_t size = static_cast<size_t>(status.st_size);
  if (size > kPlanBytesMax) Fail("read the plan", EFBIG);
  char* data = static_cast<char*>(malloc(size + 1));
  size_t have = 0;
  while (have < size) {
    const ssize_t n = read(fd, data + have, size - have);
    if (n <= 0) Fail("read the plan", n == 0 ? EIO : errno);
    have += static_cast<size_t>(n);
  }
  close(fd);
  data[size] = '\0';
  Plan plan;
  plan.argv = static_cast<char**>(calloc(kWordsMax + 1, sizeof(char*)));
  plan.envp = static_cast<char**>(calloc(kWordsMax + 1, sizeof(char*)));
  int args = 0;
  int envs = 0;
  for (char* at = data; at < data + size;) {
    char* key = at;
    char* value = key + strlen(key) + 1;
    if (value > data + size) break;
    at = value + strlen(value) + 1;
    if (strcmp(key, "arg") == 0 && args < kWordsMax) plan.argv[args++] = value;
    if (strcmp(key, "env") == 0 && envs < kWordsMax) plan.envp[envs++] = value;
    if (strcmp(key, "cwd") == 0) plan.cwd = value;
    if (strcmp(key, "grace_ms") == 0) plan.grace_ms = atoll(value);
    if (strcmp(key, "deadline_ns") == 0) plan.deadline_ns = atoll(value);
    if (strcmp(key, "timeout_ns") == 0) plan.timeout_ns = atoll(value);
    if (strcmp(key, "output_bytes_max") == 0) plan.output_bytes_max = atoll(value);
  }
  if (args == 0) Fail("read the plan", EINVAL);
  return plan;
}

// Says who holds the attempt. False: a worker has forbidden the start.
bool ClaimPid() {
  char start[32] = "0";
  char stat_text[1024];
  const int stat_fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  const ssize_t n = stat_fd < 0 ? 0 : read(stat_fd, stat_text, sizeof(stat_text) - 1);
  if (stat_fd >= 0) close(stat_fd);
  if (n > 0) {
    stat_text[n] = '\0';
    char* at = strrchr(stat_text, ')');
    for (int field = 2; at != nullptr && field < 22; ++field) {
      at = strchr(at + 1, ' ');
    }
    if (at != nullptr) sscanf(at + 1, "%31s", start);
  }
  const int fd = openat(folder, "pid.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  dprintf(fd, "%d %s\n", getpid(), start);
  close(fd);
  const bool claimed = linkat(folder, "pid.new", folder, "pid", 0) == 0;  // Never over another.
  unlinkat(folder, "pid.new", 0);
  return claimed;
}

// ---- Output ------------------------------------------------------------------------------------

void Flush() {
  size_t done = 0;
  while (done < buffered) {
    const ssize_t n = write(output, buffer + done, buffered - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      // No room. A frame that was cut in two would spoil what follows: take its beginning back.
      if (ftruncate(output, output_bytes) != 0) _exit(1);
      lost_bytes += static_cast<int64_t>(buffered);
      buffered = 0;
      return;
    }
    done += static_cast<size_t>(n);
  }
  output_bytes += static_cast<int64_t>(done);
  buffered = 0;
}

void PutFrame(const Frame& frame, const char* text) {
  if (buffered + sizeof(frame) + frame.size > sizeof(buffer)) Flush();
  memcpy(buffer + buffered, &frame, sizeof(frame));
  if (frame.size > 0) memcpy(buffer + buffered + sizeof(frame), text, frame.size);
  buffered += sizeof(frame) + frame.size;
}

struct Pipe {
  int fd = -1;
  uint8_t stream = 0;
  char line[kFrameSizeMax];
  uint32_t size = 0;
  bool part = false;  // The line began in an earlier frame.
};

void PutLine(Pipe* pipe, bool complete, int64_t output_bytes_max) {
  const int64_t planned =
      output_bytes + static_cast<int64_t>(buffered + pipe->size + sizeof(Frame));
  if (output_bytes_max > 0 && planned > output_bytes_max) {
    lost_bytes += pipe->size + 1;
    // A line that was begun must end, or the next would be joined to it.
    if (pipe->part && complete) {
      PutFrame({0, pipe->stream, 0, 0, WallMicros()}, nullptr);
      pipe->part = false;
    }
  } else {
    Frame frame;
    frame.size = pipe->size;
    frame.stream = pipe->stream;
    frame.flags = complete ? 0 : Frame::kPart;
    frame.micros = WallMicros();
    PutFrame(frame, pipe->line);
    pipe->part = !complete;
  }
  pipe->size = 0;
}

void TakeIn(Pipe* pipe, const char* data, size_t size, int64_t output_bytes_max) {
  while (size > 0) {
    const char* end = static_cast<const char*>(memchr(data, '\n', size));
    size_t length = end == nullptr ? size : static_cast<size_t>(end - data);
    const bool complete = end != nullptr && length <= sizeof(pipe->line) - pipe->size;
    if (length > sizeof(pipe->line) - pipe->size) length = sizeof(pipe->line) - pipe->size;
    memcpy(pipe->line + pipe->size, data, length);
    pipe->size += static_cast<uint32_t>(length);
    data += length + (complete ? 1 : 0);
    size -= length + (complete ? 1 : 0);
    if (complete || pipe->size == sizeof(pipe->line)) PutLine(pipe, complete, output_bytes_max);
  }
}

// Reads what is there. The pipe is closed at its end.
void Drain(Pipe* pipe, int64_t output_bytes_max) {
  static char chunk[64 << 10];
  for (int round = 0; round < 16 && pipe->fd >= 0; ++round) {
    const ssize_t n = read(pipe->fd, chunk, sizeof(chunk));
    if (n > 0) {
      TakeIn(pipe, chunk, static_cast<size_t>(n), output_bytes_max);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    close(pipe->fd);
    pipe->fd = -1;
  }
}

// ---- Descendants -------------------------------------------------------------------------------

struct Process {
  pid_t pid;
  pid_t parent;
  bool below;
};

// Sends `signal` to every descendant: the subreaper is an ancestor of them all. Their number.
int SignalDescendants(int signal) {
  static Process* processes = nullptr;
  static size_t room = 0;
  size_t count = 0;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return 0;
  while (dirent* entry = readdir(proc)) {
    const pid_t pid = atoi(entry->d_name);
    if (pid <= 0) continue;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    char text[512];
    const ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0) continue;
    text[n] = '\0';
    const char* at = strrchr(text, ')');
    char state;
    int parent;
    if (at == nullptr || sscanf(at + 1, " %c %d", &state, &parent) != 2) continue;
    if (count == room) {
      room = room == 0 ? 1024 : room * 2;
      processes = static_cast<Process*>(realloc(processes, room * sizeof(Process)));
      if (processes == nullptr) _exit(1);
    }
    processes[count++] = {pid, parent, false};
  }
  closedir(proc);
  const pid_t self = getpid();
  int below = 0;
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < count; ++i) {
      if (processes[i].below) continue;
      bool is = processes[i].parent == self;
      for (size_t k = 0; !is && k < count; ++k) {
        is = processes[k].below && processes[k].pid == processes[i].parent;
      }
      if (!is) continue;
      processes[i].below = more = true;
      ++below;
    }
  }
  for (size_t i = 0; i < count; ++i) {
    if (processes[i].below) kill(processes[i].pid, signal);
  }
  return below;
}

// ---- The script --------------------------------------------------------------------------------

pid_t StartScript(const Plan& plan, int out, int err) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) Fail("make a pipe", errno);
  const pid_t pid = fork();  // The shim is small; its worker is not, and never forks.
  if (pid < 0) Fail("start a process", errno);
  if (pid == 0) {
    setpgid(0, 0);
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    dup2(out, 1);
    dup2(err, 2);
    if (null > 2) close(null);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    const char* doing = "enter the working directory";
    if (plan.cwd == nullptr || chdir(plan.cwd) == 0) {
      environ = plan.envp;
      execvp(plan.argv[0], plan.argv);
      doing = plan.argv[0];
    }
    char message[512];
    snprintf(message, sizeof(message), "%s: %s", doing, strerror(errno));
    const ssize_t told = write(report[1], message, strlen(message));
    _exit(told > 0 ? 127 : 126);
  }
  close(report[1]);
  char message[512];
  ssize_t n;
  do {
    n = read(report[0], message, sizeof(message) - 1);
  } while (n < 0 && errno == EINTR);
  close(report[0]);
  if (n > 0) {
    message[n] = '\0';
    waitpid(pid, nullptr, 0);
    Finish("failed", "code", 127, message);
  }
  return pid;
}

void SetTimer(int timer, int64_t at_ns) {
  itimerspec when = {};
  if (at_ns > 0) {
    when.it_value.tv_sec = at_ns / 1000000000;
    when.it_value.tv_nsec = at_ns % 1000000000;
  }
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);
}

int64_t Earlier(int64_t a, int64_t b) { return a == 0 ? b : b == 0 ? a : a < b ? a : b; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    dprintf(2, "usage: orch-shim FOLDER\n");
    return 2;
  }
  folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) {
    dprintf(2, "orch-shim: open %s: %s\n", argv[1], strerror(errno));
    return 1;
  }
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  umask(022);
  signal(SIGPIPE, SIG_IGN);
  if (!ClaimPid()) return 1;
  Plan plan = ReadPlan();

  // Nothing of the worker's may stay open here: its lock, its sockets.
  syscall(SYS_close_range, 3u, static_cast<unsigned>(folder) - 1, 0);
  syscall(SYS_close_range, static_cast<unsigned>(folder) + 1, ~0u, 0);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) dup2(null, fd);

  output = openat(folder, "output", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) Fail("make the output file", errno);
  // Opened for both, so that it never ends when a worker does.
  const int control = openat(folder, "control", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (control < 0) Fail("open the control pipe", errno);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const int signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  const int timer = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  static Pipe pipes[2];
  int write_ends[2];
  for (int i = 0; i < 2; ++i) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) Fail("make a pipe", errno);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[0], F_SETPIPE_SZ, 256 << 10);
    pipes[i].fd = ends[0];
    pipes[i].stream = i == 0 ? Frame::kStdout : Frame::kStderr;
    write_ends[i] = ends[1];
  }
  if (signal_fd < 0 || timer < 0) Fail("make a signal descriptor", errno);

  const pid_t script = StartScript(plan, write_ends[0], write_ends[1]);
  close(write_ends[0]);
  close(write_ends[1]);

  const char* reason = "done";
  bool ending = false;  // Descendants were asked to end,
  int64_t kill_at = 0;  // and are killed from here on.
  bool script_ended = false;
  int script_status = 0;
  char orders[256];
  size_t orders_size = 0;

  const auto end = [&](const char* why, int64_t grace_ms) {
    if (!script_ended && strcmp(reason, "done") == 0) reason = why;
    if (ending) return;
    ending = true;
    SignalDescendants(SIGTERM);
    kill_at = Boottime() + grace_ms * 1000000;
  };

  while (true) {
    // What is due.
    const int64_t now = Boottime();
    if (plan.timeout_ns != 0 && now >= plan.timeout_ns && !script_ended) {
      plan.timeout_ns = 0;
      end("timeout", plan.grace_ms);
    }
    if (plan.deadline_ns != 0 && now >= plan.deadline_ns && !script_ended) {
      plan.deadline_ns = 0;
      ending = false;  // Someone else may begin anew now: no grace.
      end("lease", 0);
    }
    if (kill_at != 0 && now >= kill_at) {
      SignalDescendants(SIGKILL);
      kill_at = Boottime() + 20 * 1000000;  // Again, for what was born meanwhile.
    }
    SetTimer(timer,
             Earlier(kill_at, script_ended ? 0 : Earlier(plan.timeout_ns, plan.deadline_ns)));

    pollfd polls[5] = {{pipes[0].fd, POLLIN, 0},
                       {pipes[1].fd, POLLIN, 0},
                       {control, POLLIN, 0},
                       {signal_fd, POLLIN, 0},
                       {timer, POLLIN, 0}};
    if (poll(polls, 5, -1) < 0 && errno != EINTR) _exit(1);

    for (Pipe& pipe : pipes) Drain(&pipe, plan.output_bytes_max);
    Flush();
    uint64_t ticks;
    [[maybe_unused]] const ssize_t ticked = read(timer, &ticks, sizeof(ticks));

    signalfd_siginfo info;
    while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
      if (info.ssi_signo != SIGCHLD) end("stopped", plan.grace_ms);
    }
    while (true) {
      const ssize_t n = read(control, orders + orders_size, sizeof(orders) - 1 - orders_size);
      if (n <= 0) break;
      orders_size += static_cast<size_t>(n);
      orders[orders_size] = '\0';
      char* at = orders;
      for (char* line_end; (line_end = strchr(at, '\n')) != nullptr; at = line_end + 1) {
        *line_end = '\0';
        if (strncmp(at, "deadline ", 9) == 0) plan.deadline_ns = atoll(at + 9);
        if (strcmp(at, "stop") == 0) end("stopped", plan.grace_ms);
      }
      orders_size = strlen(at);
      memmove(orders, at, orders_size + 1);
      if (orders_size == sizeof(orders) - 1) orders_size = 0;  // No order is that long.
    }

    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
      if (pid != script) continue;
      script_ended = true;
      script_status = status;
      // What it left behind goes as well: soon, unless a kill is on its way already.
      const int64_t grace_ms = plan.grace_ms < 2000 ? plan.grace_ms : 2000;
      end("done", grace_ms);
    }
    if (pid < 0 && errno == ECHILD && script_ended) break;
  }

  // No descendant is left, so the pipes have an end, unless someone else holds them: do not wait.
  for (Pipe& pipe : pipes) {
    Drain(&pipe, plan.output_bytes_max);
    if (pipe.size > 0 || pipe.part) PutLine(&pipe, /*complete=*/true, plan.output_bytes_max);
  }
  if (lost_bytes > 0) {
    Frame gap;
    gap.stream = Frame::kGap;
    gap.micros = lost_bytes;
    PutFrame(gap, nullptr);
  }
  Flush();
  if (WIFSIGNALED(script_status)) {
    Finish(reason, "signal", WTERMSIG(script_status), "");
  }
  Finish(reason, "code", WEXITSTATUS(script_status), "");
}
