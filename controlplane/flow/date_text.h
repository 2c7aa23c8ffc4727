// Dates and times as inputs carry them.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace orch::flow {

// Errors name the place: "Text 'x' could not be parsed at index 3".
absl::StatusOr<absl::Time> ParseInstant(
    std::string_view text);  // 2024-05-01T10:00:00[.n](Z|+02:00)
absl::StatusOr<absl::CivilDay> ParseDate(std::string_view text);  // 2024-05-01
absl::StatusOr<absl::Duration> ParseTimeOfDay(
    std::string_view text);  // 10:00[:00[.n]], since midnight

// 2024-05-01T08:00:00.000000Z: microseconds always, for `micros`; else as few digits as say it all,
// in groups of three.
std::string InstantIso(absl::Time time, bool micros);
std::string TimeOfDayText(absl::Duration since_midnight);  // 10:00:00

}  // namespace orch::flow
