// SpoolWriter puts bytes at their places in segment files, in order, and deletes files.
//
// Threads     Methods from one thread; writes on its own. Callbacks run on the executor.
// Memory      What was given and is not written; the caller looks at unwritten_bytes.
// Durability  As FileSpool says.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "base/unique_fd.h"

namespace orch::worker {

class SpoolWriter {
 public:
  // `written` runs on the executor, from time to time, with the number of the last write that
  // reached the file.
  SpoolWriter(std::string folder, Executor& executor, std::function<void(uint64_t)> written);
  // Writes and flushes what is left, unless the disk refuses.
  ~SpoolWriter();

  // Writes `data` at `offset`; flushed before `kept` runs, and in any case if `flush`. Returns the
  // number of the write, from 1.
  uint64_t Write(uint64_t segment, int64_t offset, std::string data,
                 std::function<void(absl::Status)> kept, bool flush);

  // Deletes a segment once everything given before is flushed.
  void Delete(uint64_t segment);

  int64_t unwritten_bytes() const { return unwritten_bytes_.load(std::memory_order_relaxed); }

  static std::string NameOf(uint64_t segment);

 private:
  struct Work {
    uint64_t segment = 0;
    int64_t offset = 0;
    std::string data;
    std::function<void(absl::Status)> kept;
    bool flush = false;
    bool remove = false;
  };

  void Loop();
  absl::Status WriteAll(const std::vector<Work>& batch);
  absl::Status WriteRun(uint64_t segment, int64_t offset, const std::string& data);

  const std::string folder_;
  Executor& executor_;
  const std::function<void(uint64_t)> written_;
  std::atomic<int64_t> unwritten_bytes_ = 0;

  UniqueFd file_;  // Of the writing thread alone: the segment that is open.
  uint64_t file_segment_ = 0;

  Mutex mutex_;
  CondVar changed_;
  std::vector<Work> queue_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace orch::worker
