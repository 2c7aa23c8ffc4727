// MemorySpool is a Spool in memory: for tests, and for simulations in which it outlives the session
// as a disk would.
//
// Threads     Not thread-safe; callbacks are posted to the executor.
// Memory      `line_bytes_max` of lines; what does not fit becomes a gap.
// Durability  As long as the object lives: results, lines and counts are told again by Load.
#pragma once

#include <map>

#include "base/executor.h"
#include "worker/session/spool.h"
#include "worker/session/token_key.h"

namespace orch::worker {

class MemorySpool final : public Spool {
 public:
  explicit MemorySpool(Executor& executor, int64_t line_bytes_max = 64 << 20)
      : executor_(&executor), line_bytes_max_(line_bytes_max) {}

  // A process that starts again has another executor.
  void SetExecutor(Executor& executor) { executor_ = &executor; }

  Contents Load() override;
  void PutResult(const v1::Result& result, std::function<void(absl::Status)> kept) override;
  void RemoveResult(const v1::LeaseToken& token) override;
  void AppendLines(const v1::LogLines& lines) override;
  v1::LogLines ReadLines(const v1::LeaseToken& token, int64_t from, int64_t bytes_max) override;
  void RemoveLines(const v1::LeaseToken& token, int64_t through) override;
  void RemoveStream(const v1::LeaseToken& token) override;

  // What PutResult says from now on.
  void SetTrouble(absl::Status trouble) { trouble_ = std::move(trouble); }
  int64_t line_bytes() const { return line_bytes_; }

 private:
  struct Stream {
    int64_t acked_line = 0;
    int64_t last_line = 0;
    std::map<int64_t, v1::LogLine> lines;  // By number; what is missing is a gap.
  };

  Executor* executor_;
  const int64_t line_bytes_max_;
  int64_t line_bytes_ = 0;
  absl::Status trouble_;
  std::map<TokenKey, v1::Result> results_;
  std::map<TokenKey, Stream> streams_;
};

}  // namespace orch::worker
