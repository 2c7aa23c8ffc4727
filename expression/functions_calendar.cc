// Functions over ISO dates, read as they are written.
#include <array>
#include <string>

#include "expression/date_format.h"
#include "expression/registry.h"
#include "expression/text.h"
#include "expression/text_tools.h"
#include "expression/time_zone.h"

namespace orch::expression {
namespace {

using Args = const CallArguments&;

constexpr std::array<std::string_view, 7> kDays = {"MONDAY", "TUESDAY",  "WEDNESDAY", "THURSDAY",
                                                   "FRIDAY", "SATURDAY", "SUNDAY"};

Result<std::string> TextAt(Args arguments, size_t index, std::string_view name) {
  const Value* value = arguments.Get(index);
  if (!IsGiven(value)) return EvalFailure("The argument '" + std::string(name) + "' is required");
  return JavaText(*value);
}

// The wall time as it is written, without regard to its offset.
Result<LocalDateTime> Written(Args arguments, std::string_view name) {
  ASSIGN_OR_FAIL(const std::string text, TextAt(arguments, 0, name));
  if (const auto zoned = ReadIsoZoned(text)) {
    ASSIGN_OR_FAIL_STATUS(const Zone zone, LoadZone(zoned->zone));
    return LocalAt(zoned->time, zone.tz);
  }
  if (const auto local = ReadIsoLocal(text)) return *local;
  if (const auto day = ReadIsoDate(text)) return LocalDateTime{absl::CivilSecond(*day), 0};
  return EvalFailure("'" + text + "' is no ISO date");
}

Result<absl::CivilDay> DayOf(Args arguments) {
  ASSIGN_OR_FAIL(const LocalDateTime local, Written(arguments, "date"));
  return absl::CivilDay(local.second);
}

int WeekdayOf(const absl::CivilDay& day) { return static_cast<int>(absl::GetWeekday(day)); }

Result<Value> DayOfWeek(Args arguments, Evaluator&) {
  ASSIGN_OR_FAIL(const absl::CivilDay day, DayOf(arguments));
  return Value::String(std::string(kDays[static_cast<size_t>(WeekdayOf(day))]));
}
Result<Value> DayOfMonth(Args arguments, Evaluator&) {
  ASSIGN_OR_FAIL(const absl::CivilDay day, DayOf(arguments));
  return Value::Int(day.day());
}
Result<Value> MonthOfYear(Args arguments, Evaluator&) {
  ASSIGN_OR_FAIL(const absl::CivilDay day, DayOf(arguments));
  return Value::Int(day.month());
}
Result<Value> HourOfDay(Args arguments, Evaluator&) {
  ASSIGN_OR_FAIL(const LocalDateTime local, Written(arguments, "dateTime"));
  return Value::Int(local.second.hour());
}
Result<Value> IsWeekend(Args arguments, Evaluator&) {
  ASSIGN_OR_FAIL(const absl::CivilDay day, DayOf(arguments));
  return Value::Bool(WeekdayOf(day) >= 5);
}

Result<Value> IsDayWeekInMonth(Args arguments, Evaluator&) {
  ASSIGN_OR_FAIL(const absl::CivilDay day, DayOf(arguments));
  ASSIGN_OR_FAIL(const std::string weekday, TextAt(arguments, 1, "dayOfWeek"));
  ASSIGN_OR_FAIL(const std::string which, TextAt(arguments, 2, "dayInMonth"));
  size_t wanted = 0;
  while (wanted < kDays.size() && kDays[wanted] != weekday) ++wanted;
  if (wanted == kDays.size()) return EvalFailure("'" + weekday + "' is no day of the week");
  const bool right_day = WeekdayOf(day) == static_cast<int>(wanted);
  if (which == "LAST") return Value::Bool(right_day && (day + 7).month() != day.month());
  static constexpr std::array<std::string_view, 4> kOrdinals = {"FIRST", "SECOND", "THIRD",
                                                                "FOURTH"};
  for (size_t i = 0; i < kOrdinals.size(); ++i) {
    if (kOrdinals[i] == which) {
      return Value::Bool(right_day && (day.day() - 1) / 7 == static_cast<int>(i));
    }
  }
  return EvalFailure("'" + which + "' must be FIRST, SECOND, THIRD, FOURTH or LAST");
}

Result<absl::Time> TimeAt(Args arguments, size_t index, std::string_view name) {
  ASSIGN_OR_FAIL(const std::string text, TextAt(arguments, index, name));
  const auto zoned = ReadIsoZoned(text);
  if (!zoned) return EvalFailure("'" + text + "' is no ISO date with an offset");
  return zoned->time;
}

Result<Value> IsDateBefore(Args arguments, Evaluator&) {
  ASSIGN_OR_FAIL(const absl::Time date, TimeAt(arguments, 0, "date"));
  ASSIGN_OR_FAIL(const absl::Time before, TimeAt(arguments, 1, "before"));
  return Value::Bool(date < before);
}
Result<Value> IsDateAfter(Args arguments, Evaluator&) {
  ASSIGN_OR_FAIL(const absl::Time date, TimeAt(arguments, 0, "date"));
  ASSIGN_OR_FAIL(const absl::Time after, TimeAt(arguments, 1, "after"));
  return Value::Bool(date > after);
}
Result<Value> IsDateBetween(Args arguments, Evaluator&) {
  ASSIGN_OR_FAIL(const absl::Time date, TimeAt(arguments, 0, "date"));
  ASSIGN_OR_FAIL(const absl::Time after, TimeAt(arguments, 1, "after"));
  ASSIGN_OR_FAIL(const absl::Time before, TimeAt(arguments, 2, "before"));
  return Value::Bool(date > after && date < before);
}

}  // namespace

std::span<const FunctionSpec> CalendarFunctions() {
  static const auto* const functions = new std::vector<FunctionSpec>{
      {"dayOfWeek", Parameters::Of({"date"}), DayOfWeek},
      {"dayOfMonth", Parameters::Of({"date"}), DayOfMonth},
      {"monthOfYear", Parameters::Of({"date"}), MonthOfYear},
      {"hourOfDay", Parameters::Of({"dateTime"}), HourOfDay},
      {"isWeekend", Parameters::Of({"date"}), IsWeekend},
      {"isDayWeekInMonth", Parameters::Of({"date", "dayOfWeek", "dayInMonth"}), IsDayWeekInMonth},
      {"isDateBefore", Parameters::Of({"date", "before"}), IsDateBefore},
      {"isDateAfter", Parameters::Of({"date", "after"}), IsDateAfter},
      {"isDateBetween", Parameters::Of({"date", "after", "before"}), IsDateBetween},
  };
  return *functions;
}

}  // namespace orch::expression
