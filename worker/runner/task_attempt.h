// One attempt of a task in C++, as its class sees it.
#pragma once

#include <functional>
#include <string>

#include "base/mutex.h"
#include "orch/task.h"
#include "orch/v1/worker.pb.h"
#include "secrets/scrubber.h"
#include "worker/session/files.h"

namespace orch::worker {

// Threads     Thread-safe.
class TaskAttempt final : public sdk::TaskContext {
 public:
  struct Sinks {
    std::function<int64_t()> now_micros;
    std::function<void(std::vector<v1::LogLine>)> lines;
    std::function<void(v1::Metric)> metric;
  };
  TaskAttempt(v1::Assign assign, std::string folder, Files& files, Sinks sinks);
  ~TaskAttempt() override;

  // Runs the task to its end, which may be an exception. Blocks.
  v1::Result Run(sdk::Task& task);

  // Makes stopped() true.
  void RequestStop();

  const std::string& config() const override { return config_; }
  void Log(sdk::LogLevel level, std::string_view text) override;
  void Measure(sdk::MetricKind kind, std::string_view name, double value, sdk::Tags tags) override;
  absl::StatusOr<std::string> Upload(const std::string& path, const std::string& name) override;
  absl::Status Download(const std::string& uri, const std::string& path) override;
  absl::StatusOr<std::string> WorkingFolder() override;
  bool stopped() const override;
  bool WaitForStop(absl::Duration timeout) override;

 private:
  absl::StatusOr<sdk::TaskResult> RunGuarded(sdk::Task& task);

  const v1::Assign assign_;
  const std::string folder_;
  Files& files_;
  const Sinks sinks_;
  std::string config_;
  secrets::Scrubber scrubber_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_folder_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace orch::worker
