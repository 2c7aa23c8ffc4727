#pragma once

#include <string>
#include <string_view>

#include "expression/value.h"

namespace orch::expression {

// The text a `{{ }}` writes: null is nothing, lists and maps are JSON.
std::string PrintText(const Value& value);

// The text of a value inside a concatenation, a join, a macro: null is `null`, `{a=1, b=[1, x]}`.
std::string JavaText(const Value& value);

// The name that `className` tells.
std::string_view JavaClassName(const Value& value);

// The shortest decimals that read back as the same number, in Java's notation.
std::string DoubleText(double value);
std::string FloatText(float value);

// ISO-8601, as Java writes them.
std::string InstantText(absl::Time time);      // 2024-02-03T04:05:06.120Z
std::string ZonedText(const ZonedTime& time);  // …+02:00, with [Region] if it is one
std::string LocalDateTimeText(const LocalDateTime& time);
std::string DateText(absl::CivilDay day);
std::string DurationText(absl::Duration duration);     // PT1M30.5S
std::string DurationSeconds(absl::Duration duration);  // 90.500000000

}  // namespace orch::expression
