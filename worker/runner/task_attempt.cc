#include "worker/runner/task_attempt.h"

#include <errno.h>
#include <sys/stat.h>

#include <exception>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "worker/runner/json.h"
#include "worker/runner/output_reader.h"
#include "worker/runner/script_job.h"

namespace orch::worker {
namespace {

constexpr size_t kNameBytesMax = 256;
constexpr int kTagCountMax = 32;

v1::LogLevel LevelOf(sdk::LogLevel level) {
  switch (level) {
    case sdk::LogLevel::kTrace: return v1::TRACE;
    case sdk::LogLevel::kDebug: return v1::DEBUG;
    case sdk::LogLevel::kInfo: return v1::INFO;
    case sdk::LogLevel::kWarn: return v1::WARN;
    case sdk::LogLevel::kError: return v1::ERROR;
  }
  return v1::INFO;
}

}  // namespace

TaskAttempt::TaskAttempt(v1::Assign assign, std::string folder, Files& files, Sinks sinks)
    : assign_(std::move(assign)),
      folder_(std::move(folder)),
      files_(files),
      sinks_(std::move(sinks)),
      scrubber_(std::vector<std::string>(assign_.secrets().begin(), assign_.secrets().end())) {}

TaskAttempt::~TaskAttempt() {
  std::error_code ignored;
  if (has_folder_) std::filesystem::remove_all(folder_, ignored);
}

absl::StatusOr<sdk::TaskResult> TaskAttempt::RunGuarded(sdk::Task& task) try {
  if (assign_.config_uri().empty()) {
    config_ = assign_.config().utf8().empty() ? "{}" : assign_.config().utf8();
  } else {
    ORCH_ASSIGN_OR_RETURN(const std::string folder, WorkingFolder());
    ORCH_ASSIGN_OR_RETURN(config_, FetchConfig(assign_, files_, folder + "/.config"));
  }
  return task.Run(*this);
} catch (const std::exception& e) {
  return absl::InternalError(absl::StrFormat("the task threw: %s", e.what()));
}

v1::Result TaskAttempt::Run(sdk::Task& task) {
  v1::Result result;
  *result.mutable_token() = assign_.token();
  result.set_started_micros(sinks_.now_micros());
  absl::StatusOr<sdk::TaskResult> ended = RunGuarded(task);
  result.set_ended_micros(sinks_.now_micros());
  sdk::TaskResult said;
  if (ended.ok()) {
    said = *std::move(ended);
  } else {
    said.state = sdk::TaskResult::State::kFailed;
    said.error_code = "TASK_FAILED";
    said.error_message = std::string(ended.status().message());
  }
  switch (said.state) {
    case sdk::TaskResult::State::kSuccess: result.set_state(v1::SUCCESS); break;
    case sdk::TaskResult::State::kWarning: result.set_state(v1::WARNING); break;
    case sdk::TaskResult::State::kFailed:
      result.set_state(v1::FAILED);
      result.mutable_error()->set_code(said.error_code);
      result.mutable_error()->set_message(scrubber_.Scrub(said.error_message));
      break;
  }
  if (said.outputs.empty()) return result;
  std::string scratch;
  if (said.outputs.size() > 200'000) {
    if (const auto folder = WorkingFolder(); folder.ok()) scratch = *folder + "/.outputs.json";
  }
  SetOutputs(said.outputs, files_, scratch, &result);
  return result;
}

void TaskAttempt::RequestStop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  changed_.SignalAll();
}

bool TaskAttempt::stopped() const {
  MutexLock lock(&mutex_);
  return stopped_;
}

bool TaskAttempt::WaitForStop(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  while (!stopped_) {
    if (changed_.WaitWithTimeout(&mutex_, timeout)) break;
  }
  return stopped_;
}

void TaskAttempt::Log(sdk::LogLevel level, std::string_view text) {
  std::vector<v1::LogLine> lines;
  AppendLine(LevelOf(level), scrubber_.Scrub(text), sinks_.now_micros(), &lines);
  sinks_.lines(std::move(lines));
}

void TaskAttempt::Measure(sdk::MetricKind kind, std::string_view name, double value,
                          sdk::Tags tags) {
  v1::Metric metric;
  *metric.mutable_token() = assign_.token();
  metric.set_name(MendedUtf8(scrubber_.Scrub(name).substr(0, kNameBytesMax)));
  metric.set_type(kind == sdk::MetricKind::kCounter ? "counter"
                  : kind == sdk::MetricKind::kTimer ? "timer"
                                                    : "gauge");
  metric.set_value(value);
  metric.set_micros(sinks_.now_micros());
  for (const auto& [key, tag] : tags) {
    if (metric.tags_size() == kTagCountMax) break;
    v1::Label& label = *metric.add_tags();
    label.set_key(MendedUtf8(key.substr(0, kNameBytesMax)));
    label.set_value(MendedUtf8(scrubber_.Scrub(tag).substr(0, kNameBytesMax)));
  }
  sinks_.metric(std::move(metric));
}

absl::StatusOr<std::string> TaskAttempt::Upload(const std::string& path, const std::string& name) {
  return files_.Upload(assign_.token(), path, name);
}

absl::Status TaskAttempt::Download(const std::string& uri, const std::string& path) {
  return files_.Download(assign_.token(), uri, path);
}

absl::StatusOr<std::string> TaskAttempt::WorkingFolder() {
  MutexLock lock(&mutex_);
  if (!has_folder_ && ::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoError(errno, "make the folder " + folder_);
  }
  has_folder_ = true;
  return folder_;
}

}  // namespace orch::worker
