#include "worker/runner/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace orch::worker {
namespace {

constexpr int64_t kOnTheirWayMax = 8 << 20;
constexpr size_t kReadBytes = 256 << 10;
constexpr int kTickMs = 1000;
constexpr int kBacklogMs = 5;
constexpr uint64_t kWakeTag = ~uint64_t{0};
constexpr uint64_t kNotifyTag = ~uint64_t{0} - 1;

int64_t MonotonicMs() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

Watcher::Watcher()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      notify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kWakeTag;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  if (notify_.valid()) {  // Without it the tick must do.
    event.data.u64 = kNotifyTag;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, notify_.get(), &event);
  }
  thread_ = std::thread([this] { Loop(); });
}

Watcher::~Watcher() {
  stopping_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof(one));
  thread_.join();
}

void Watcher::Watch(Subject subject) {
  {
    MutexLock lock(&mutex_);
    incoming_.push_back(std::move(subject));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof(one));
}

void Watcher::Loop() {
  int64_t next_tick = MonotonicMs() + kTickMs;
  while (!stopping_) {
    const int64_t left = std::max<int64_t>(0, next_tick - MonotonicMs());
    epoll_event events[64];
    const int count =
        ::epoll_wait(epoll_.get(), events, 64, backlog_ ? kBacklogMs : static_cast<int>(left));
    std::vector<Subject> incoming;
    std::vector<uint64_t> due;
    for (int i = 0; i < std::max(count, 0); ++i) {
      const uint64_t tag = events[i].data.u64;
      if (tag == kWakeTag) {
        uint64_t ignored;
        [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &ignored, sizeof(ignored));
      } else if (tag == kNotifyTag) {
        alignas(inotify_event) char buffer[16 << 10];
        ssize_t n;
        while ((n = ::read(notify_.get(), buffer, sizeof(buffer))) > 0) {
          for (char* at = buffer; at < buffer + n;) {
            inotify_event event;
            memcpy(&event, at, sizeof(event));
            const auto it = by_notify_.find(event.wd);
            if (it != by_notify_.end()) due.push_back(it->second);
            at += sizeof(inotify_event) + event.len;
          }
        }
      } else if (auto it = watched_.find(tag); it != watched_.end()) {
        it->second.gone = true;
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, it->second.pidfd.get(), nullptr);
        due.push_back(tag);
      }
    }
    {
      MutexLock lock(&mutex_);
      incoming.swap(incoming_);
    }
    for (Subject& subject : incoming) Add(std::move(subject));
    const bool tick = MonotonicMs() >= next_tick;
    if (tick) next_tick = MonotonicMs() + kTickMs;
    if (tick || backlog_) {
      due.clear();
      for (const auto& [id, watched] : watched_) due.push_back(id);
    }
    backlog_ = false;
    std::sort(due.begin(), due.end());
    due.erase(std::unique(due.begin(), due.end()), due.end());
    for (const uint64_t id : due) Service(id);
    Reap();
  }
}

void Watcher::Add(Subject subject) {
  const uint64_t id = ++last_id_;
  Watched& watched = watched_[id];
  watched.subject = std::move(subject);
  const Subject& s = watched.subject;
  watched.pidfd.Reset(static_cast<int>(::syscall(SYS_pidfd_open, s.pid, 0)));
  if (watched.pidfd.valid()) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = id;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, watched.pidfd.get(), &event);
    // Between looking at it and opening it, another process may have taken the number.
    if (!s.start.empty() && !AttemptFolder::IsAlive({s.pid, s.start})) watched.gone = true;
  } else {
    watched.gone = true;
  }
  watched.inotify =
      ::inotify_add_watch(notify_.get(), s.folder.path().c_str(), IN_MODIFY | IN_MOVED_TO);
  if (watched.inotify >= 0) by_notify_[watched.inotify] = id;
  Service(id);
}

bool Watcher::ReadOn(Watched& watched) {
  if (!watched.output.valid()) {
    watched.output.Reset(::open(watched.subject.folder.output().c_str(), O_RDONLY | O_CLOEXEC));
    if (!watched.output.valid()) return true;
  }
  std::string buffer(kReadBytes, '\0');
  for (int round = 0; round < 8; ++round) {
    if (on_their_way_ > kOnTheirWayMax) return false;
    const ssize_t n = ::read(watched.output.get(), buffer.data(), buffer.size());
    if (n <= 0) return true;
    std::vector<v1::LogLine> lines;
    watched.subject.reader->Feed(std::string_view(buffer.data(), static_cast<size_t>(n)), &lines);
    if (!lines.empty()) {
      on_their_way_ += n;
      watched.subject.lines(std::move(lines), n);
    }
  }
  return false;
}

void Watcher::Service(uint64_t id) {
  auto it = watched_.find(id);
  if (it == watched_.end()) return;
  Watched& watched = it->second;
  // The shim writes `exit` after its last output: look for it first, then read to the end.
  const bool gone = watched.gone;
  std::optional<ExitStatus> exit = watched.subject.folder.ReadExit();
  if (!ReadOn(watched)) {
    backlog_ = true;
    return;
  }
  if (!exit.has_value() && !gone) return;
  if (!exit.has_value()) exit = ExitStatus{};
  const auto ended = std::move(watched.subject.ended);
  if (watched.subject.start.empty()) unreaped_.push_back(watched.subject.pid);
  if (watched.inotify >= 0) {
    ::inotify_rm_watch(notify_.get(), watched.inotify);
    by_notify_.erase(watched.inotify);
  }
  watched_.erase(it);
  ended(*exit);
}

void Watcher::Reap() {
  std::erase_if(unreaped_, [](int pid) {
    const pid_t reaped = ::waitpid(pid, nullptr, WNOHANG);
    return reaped == pid || (reaped < 0 && errno == ECHILD);
  });
}

}  // namespace orch::worker
