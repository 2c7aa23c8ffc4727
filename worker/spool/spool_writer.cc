#include "worker/spool/spool_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"

namespace orch::worker {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);

absl::Status FlushFolder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return ErrnoError(errno, "flush " + folder);
  return absl::OkStatus();
}

}  // namespace

std::string SpoolWriter::NameOf(uint64_t segment) {
  char name[32];
  snprintf(name, sizeof(name), "%016llx.seg", static_cast<unsigned long long>(segment));
  return name;
}

SpoolWriter::SpoolWriter(std::string folder, Executor& executor,
                         std::function<void(uint64_t)> written)
    : folder_(std::move(folder)), executor_(executor), written_(std::move(written)) {
  thread_ = std::thread([this] { Loop(); });
}

SpoolWriter::~SpoolWriter() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.SignalAll();
  thread_.join();
}

uint64_t SpoolWriter::Write(uint64_t segment, int64_t offset, std::string data,
                            std::function<void(absl::Status)> kept, bool flush) {
  unwritten_bytes_ += static_cast<int64_t>(data.size());
  MutexLock lock(&mutex_);
  if (queue_.empty()) changed_.Signal();
  queue_.push_back({segment, offset, std::move(data), std::move(kept), flush, false});
  return ++last_number_;
}

void SpoolWriter::Delete(uint64_t segment) {
  MutexLock lock(&mutex_);
  if (queue_.empty()) changed_.Signal();
  Work work;
  work.segment = segment;
  work.remove = true;
  queue_.push_back(std::move(work));
}

void SpoolWriter::Loop() {
  while (true) {
    std::vector<Work> batch;
    uint64_t through = 0;
    bool stopping = false;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (queue_.empty()) return;
      batch.swap(queue_);
      through = last_number_;
      stopping = stopping_;
    }
    while (true) {
      const absl::Status status = WriteAll(batch);
      for (Work& work : batch) {
        if (work.kept == nullptr) continue;
        executor_.Post([kept = std::exchange(work.kept, nullptr), status] { kept(status); });
      }
      if (status.ok()) break;
      // The disk refuses: the bytes have their places, so writing them again is harmless.
      MutexLock lock(&mutex_);
      if (stopping || stopping_) return;
      changed_.WaitWithTimeout(&mutex_, kRetry);
    }
    int64_t bytes = 0;
    for (const Work& work : batch) bytes += static_cast<int64_t>(work.data.size());
    unwritten_bytes_ -= bytes;
    executor_.Post([written = written_, through] { written(through); });
  }
}

absl::Status SpoolWriter::WriteAll(const std::vector<Work>& batch) {
  bool flush = false;
  // Neighbours go in one call.
  std::string run;
  uint64_t segment = 0;
  int64_t offset = 0;
  for (const Work& work : batch) {
    if (work.remove) continue;
    flush = flush || work.flush || work.kept != nullptr;
    if (!run.empty() && work.segment == segment &&
        work.offset == offset + static_cast<int64_t>(run.size())) {
      run += work.data;
      continue;
    }
    if (!run.empty()) ORCH_RETURN_IF_ERROR(WriteRun(segment, offset, run));
    run = work.data;
    segment = work.segment;
    offset = work.offset;
  }
  if (!run.empty()) ORCH_RETURN_IF_ERROR(WriteRun(segment, offset, run));
  if (flush && file_.valid() && ::fdatasync(file_.get()) != 0) {
    return ErrnoError(errno, "flush the spool");
  }
  for (const Work& work : batch) {
    if (!work.remove) continue;
    if (::unlink((folder_ + "/" + NameOf(work.segment)).c_str()) != 0 && errno != ENOENT) {
      return ErrnoError(errno, "delete a segment of the spool");
    }
  }
  return absl::OkStatus();
}

absl::Status SpoolWriter::WriteRun(uint64_t segment, int64_t offset, const std::string& data) {
  if (!file_.valid() || file_segment_ != segment) {
    if (file_.valid() && ::fdatasync(file_.get()) != 0) return ErrnoError(errno, "flush the spool");
    const std::string path = folder_ + "/" + NameOf(segment);
    file_.Reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (!file_.valid()) return ErrnoError(errno, "open " + path);
    file_segment_ = segment;
    ORCH_RETURN_IF_ERROR(FlushFolder(folder_));
  }
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t n = ::pwrite(file_.get(), data.data() + done, data.size() - done,
                               offset + static_cast<int64_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ErrnoError(n == 0 ? ENOSPC : errno, "write to the spool");
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace orch::worker
