#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "expression/value.h"

namespace orch::expression {

// A zone as Java names it.
struct Zone {
  std::string id;
  absl::TimeZone tz;
  bool region = false;  // Shown in brackets: a name rather than an offset.
};

// Reads "Europe/Paris", "UTC", "GMT", "Z", "+05:30", "UTC+2".
//   kInvalidArgument  there is no such zone.
absl::StatusOr<Zone> LoadZone(std::string_view id);

// The wall time of a moment.
LocalDateTime LocalAt(absl::Time time, absl::TimeZone tz);
// The moment of a wall time: the earlier one of two, and past the gap where there is none.
absl::Time TimeOf(const LocalDateTime& local, absl::TimeZone tz);

enum class OffsetStyle {
  kColonOrZ,     // +01:00, Z       (XXX)
  kColon,        // +01:00          (xxx)
  kCompactOrZ,   // +0100, Z        (XX)
  kCompact,      // +0100           (xx, Z)
  kShortestOrZ,  // +01, +0130, Z   (X)
  kShortest,     // +01, +0130      (x)
};
std::string OffsetText(int seconds, OffsetStyle style);

}  // namespace orch::expression
