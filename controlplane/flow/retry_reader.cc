// `retry` and `workerGroup`, of tasks and of flows.
#include "absl/strings/str_format.h"
#include "controlplane/flow/task_reader.h"

namespace orch::flow {

std::optional<Retry> ReadRetry(Reading* reading, const YamlNode& node, const std::string& path,
                               bool runs) {
  Fields fields(reading, node, path, path);
  const size_t complaints_before = reading->complaints()->size();
  Retry retry;
  const YamlNode* type = fields.Take("type");
  const std::string kind = fields.Word("type", {"constant", "exponential", "random"});
  if (type == nullptr) reading->Error(node.mark, path + ".type", "must not be null");
  retry.kind = kind == "exponential" ? Retry::Kind::kExponential
               : kind == "random"    ? Retry::Kind::kRandom
                                     : Retry::Kind::kConstant;
  const auto duration = [&](const char* name, absl::Duration* value) {
    const bool written = fields.Take(name) != nullptr;
    const auto read = fields.Duration(name);
    if (read) *value = *read;
    if (!written) reading->Error(node.mark, path + "." + name, "must not be null");
    return read.has_value();
  };
  bool has_bounds = false;
  if (retry.kind == Retry::Kind::kRandom) {
    const bool has_min = duration("minInterval", &retry.interval_min);
    has_bounds = duration("maxInterval", &retry.interval_max) && has_min;
  } else if (!kind.empty()) {
    has_bounds = duration("interval", &retry.interval);
    if (retry.kind == Retry::Kind::kExponential) {
      has_bounds = duration("maxInterval", &retry.interval_max) && has_bounds;
      retry.delay_factor = fields.Number("delayFactor").value_or(2);
    }
  } else {
    for (const char* name : {"interval", "minInterval", "maxInterval", "delayFactor"})
      fields.Take(name);
  }
  const auto attempts = fields.Integer("maxAttempts");
  const auto attempts_old = fields.Integer("maxAttempt");
  for (const auto& [name, count] :
       {std::pair("maxAttempts", attempts), {"maxAttempt", attempts_old}}) {
    if (count && *count < 1) {
      reading->Error(fields.MarkOf(name), fields.PathOf(name),
                     "must be greater than or equal to 1");
    }
  }
  if (const auto count = attempts ? attempts : attempts_old) {
    retry.attempt_count_max =
        static_cast<int>(std::min<int64_t>(std::max<int64_t>(*count, 1), 1'000'000));
  }
  retry.duration_max = fields.Duration("maxDuration");
  retry.warning_on_retry = fields.Flag("warningOnRetry", false);
  if (fields.Word("behavior", {"RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"}) ==
      "CREATE_NEW_EXECUTION") {
    retry.behavior = Retry::Behavior::kCreateNewExecution;
  }
  fields.Done();
  if (has_bounds) {
    const auto less = [&](const char* small, absl::Duration a, const char* large,
                          absl::Duration b) {
      if (a < b) return;
      reading->Error(fields.MarkOf(small), fields.PathOf(small),
                     absl::StrFormat("'%s' must be less than '%s'", small, large));
    };
    if (retry.kind == Retry::Kind::kRandom) {
      less("minInterval", retry.interval_min, "maxInterval", retry.interval_max);
      if (retry.duration_max) {
        less("minInterval", retry.interval_min, "maxDuration", *retry.duration_max);
        less("maxInterval", retry.interval_max, "maxDuration", *retry.duration_max);
      }
    } else {
      if (retry.kind == Retry::Kind::kExponential) {
        less("interval", retry.interval, "maxInterval", retry.interval_max);
      }
      if (retry.duration_max) less("interval", retry.interval, "maxDuration", *retry.duration_max);
    }
  }
  for (size_t i = complaints_before; i < reading->complaints()->size(); ++i) {
    if ((*reading->complaints())[i].severity == Severity::kError) return std::nullopt;
  }
  const EngineFeatures& features = reading->options.features;
  if (retry.behavior == Retry::Behavior::kCreateNewExecution && runs && features.retry &&
      !features.retry_by_new_execution) {
    reading->NotYet(fields.MarkOf("behavior"), fields.PathOf("behavior"), "CREATE_NEW_EXECUTION");
  }
  return retry;
}

std::optional<WorkerGroup> ReadWorkerGroup(Reading* reading, const YamlNode& node,
                                           const std::string& path, bool runs) {
  Fields fields(reading, node, path, path);
  WorkerGroup group;
  group.key = fields.Text("key");
  const std::string fallback = fields.Word("fallback", {"WAIT", "FAIL", "CANCEL"});
  group.fallback = fallback == "FAIL"     ? WorkerGroup::Fallback::kFail
                   : fallback == "CANCEL" ? WorkerGroup::Fallback::kCancel
                                          : WorkerGroup::Fallback::kWait;
  const EngineFeatures& features = reading->options.features;
  if (runs && group.fallback != WorkerGroup::Fallback::kWait && features.worker_group &&
      !features.worker_group_fallback) {
    reading->NotYet(fields.MarkOf("fallback"), fields.PathOf("fallback"), fallback);
  }
  fields.Done();
  if (group.key.empty()) {
    reading->Error(fields.MarkOf("key"), fields.PathOf("key"), "must not be blank");
    return std::nullopt;
  }
  return group;
}

}  // namespace orch::flow
