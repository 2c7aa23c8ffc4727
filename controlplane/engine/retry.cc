#include "controlplane/engine/retry.h"

#include <algorithm>
#include <cmath>

namespace orch::engine {
namespace {

absl::Duration DelayAfter(const flow::Retry& retry, int attempts, uint64_t seed) {
  switch (retry.kind) {
    case flow::Retry::Kind::kConstant: return retry.interval;
    case flow::Retry::Kind::kExponential: {
      // Linear, as the language has it; the first retry is immediate.
      const absl::Duration delay =
          retry.interval * std::trunc(retry.delay_factor) * static_cast<double>(attempts - 1);
      return retry.interval_max > absl::ZeroDuration() ? std::min(delay, retry.interval_max)
                                                       : delay;
    }
    case flow::Retry::Kind::kRandom: {
      const double unit = static_cast<double>(seed >> 11) * 0x1.0p-53;
      return retry.interval_min + (retry.interval_max - retry.interval_min) * unit;
    }
  }
  return absl::ZeroDuration();
}

}  // namespace

const std::optional<flow::Retry>& RetryOf(const flow::Flow& flow, const flow::Task& task) {
  for (const flow::Task* at = &task; at != nullptr;
       at = at->parent < 0 ? nullptr : flow.tasks_by_index[at->parent]) {
    if (at->retry) return at->retry;
  }
  return flow.retry;
}

std::optional<absl::Time> NextAttempt(const flow::Retry& retry, const v1::TaskRun& run,
                                      absl::Time now, uint64_t seed) {
  // A retry by a new execution is not this run's.
  if (retry.behavior == flow::Retry::Behavior::kCreateNewExecution) return std::nullopt;
  const int attempts = std::max(run.attempt_count() - run.lost_count(), 1);
  if (retry.attempt_count_max && attempts >= *retry.attempt_count_max) return std::nullopt;
  const absl::Time next = now + std::max(DelayAfter(retry, attempts, seed), absl::ZeroDuration());
  if (retry.duration_max &&
      next > absl::FromUnixMicros(run.first_attempt_micros()) + *retry.duration_max) {
    return std::nullopt;
  }
  return next;
}

}  // namespace orch::engine
