#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "expression/time_zone.h"
#include "expression/value.h"

namespace orch::expression {

// ISO-8601 texts. nullopt for anything else, and for days that do not exist.
std::optional<ZonedTime> ReadIsoZoned(std::string_view text);  // needs an offset
std::optional<LocalDateTime> ReadIsoLocal(std::string_view text);
std::optional<absl::CivilDay> ReadIsoDate(std::string_view text);

// Writes a moment by a named format ("iso", "sql", "rfc_1123_date_time", …) or a pattern of Java's
// DateTimeFormatter. `locale` is a language with an optional region: en, fr, de, es, it, pt, nl;
// texts of another one are English.
//   kInvalidArgument  the pattern has an unknown letter.
absl::StatusOr<std::string> FormatDate(absl::Time time, const Zone& zone, std::string_view format,
                                       std::string_view locale);

// What a pattern found in a text.
struct ParsedDate {
  absl::CivilDay day;
  std::optional<LocalDateTime> local;  // With a time of day.
  std::optional<absl::Time> time;      // With an offset or zone.
};
// Reads a text by a pattern; a day past the end of its month becomes the last one.
//   kInvalidArgument  the text or the pattern does not fit, or there is no date in it.
absl::StatusOr<ParsedDate> ParseDate(std::string_view text, std::string_view pattern);

}  // namespace orch::expression
