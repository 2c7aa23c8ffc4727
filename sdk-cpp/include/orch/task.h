// Task types in C++: a class with one method, and the name under which flows call it.
//
//   class Greet : public orch::sdk::Task {
//     absl::StatusOr<orch::sdk::TaskResult> Run(orch::sdk::TaskContext& context) override {
//       context.Log(orch::sdk::LogLevel::kInfo, "hello");
//       return orch::sdk::TaskResult{.outputs = R"({"greeted":1})"};
//     }
//   };
//   registry.Add({.type = "acme.Greet", .make = [] { return std::make_unique<Greet>(); }});
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace orch::sdk {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };

enum class MetricKind { kCounter, kTimer, kGauge };

using Tags = std::vector<std::pair<std::string, std::string>>;

// How a task ended. An error of Run is the short form of kFailed without outputs.
struct TaskResult {
  enum class State { kSuccess, kWarning, kFailed };
  State state = State::kSuccess;
  std::string outputs;     // A JSON object; empty: none. At most 16 MiB.
  std::string error_code;  // Of kFailed: a word in capitals, e.g. EXIT_CODE.
  std::string error_message;
};

// What a running task may ask of its worker.
//
// Threads     Thread-safe.
// Ownership   Lives as long as Run.
class TaskContext {
 public:
  virtual ~TaskContext() = default;

  // The task's own properties: a JSON object, with all expressions rendered.
  virtual const std::string& config() const = 0;

  // Writes to the log of the run. Secrets of the run are masked; long texts become several lines.
  virtual void Log(LogLevel level, std::string_view text) = 0;

  // Records a measurement of the run; a timer counts seconds.
  virtual void Measure(MetricKind kind, std::string_view name, double value, Tags tags = {}) = 0;

  // Stores a file below the run, as `name` (a file name, no path), and returns its address,
  // kestra:///… Blocks.
  //   kUnavailable         the control plane cannot be reached; try again, or fail.
  virtual absl::StatusOr<std::string> Upload(const std::string& path, const std::string& name) = 0;

  // Fetches what `uri` names into a new file. Blocks.
  //   kNotFound            there is no such file, or the run may not read it.
  virtual absl::Status Download(const std::string& uri, const std::string& path) = 0;

  // A folder for this run alone, gone after it.
  virtual absl::StatusOr<std::string> WorkingFolder() = 0;

  // Whether the run was killed, timed out or lost. Return soon then; what is returned no longer
  // counts.
  virtual bool stopped() const = 0;

  // Waits for that, for `timeout` at most. True: stopped.
  virtual bool WaitForStop(absl::Duration timeout) = 0;
};

// One attempt of a task. A new object for each.
class Task {
 public:
  virtual ~Task() = default;

  // Does the work, and blocks until it is done. An error means FAILED with its message. Exceptions
  // must not leave it.
  virtual absl::StatusOr<TaskResult> Run(TaskContext& context) = 0;
};

// A task type as a worker offers it.
struct TaskType {
  std::string type;  // Canonical name.
  std::string version = "1.0.0";
  std::string schema;    // JSON Schema; empty for types that the control plane knows.
  std::string markdown;  // Docs, optional.
  std::function<std::unique_ptr<Task>()> make;
};

// The types of one worker.
class TaskRegistry {
 public:
  // A type of the same name is replaced.
  void Add(TaskType type) { types_[type.type] = std::move(type); }

  // Null if there is none. Valid until the next Add.
  const TaskType* Find(const std::string& type) const {
    const auto it = types_.find(type);
    return it == types_.end() ? nullptr : &it->second;
  }
  const std::map<std::string, TaskType>& types() const { return types_; }

 private:
  std::map<std::string, TaskType> types_;
};

}  // namespace orch::sdk
