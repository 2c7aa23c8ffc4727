#include "expression/filters_date.h"

#include <array>

#include "expression/date_format.h"
#include "expression/registry.h"
#include "expression/text.h"

namespace orch::expression {
namespace {

bool Given(const Value* argument) { return argument != nullptr && !argument->is_null(); }

Result<Value> Date(const Value& input, const CallArguments& arguments, Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const Zone zone, ZoneOf(arguments.Get(1), evaluator));
  ASSIGN_OR_FAIL(const absl::Time time, MomentOf(input, zone, arguments.Get(2)));
  return Formatted(time, zone, arguments.Get(0), arguments.Get(3));
}

absl::CivilDay PlusMonths(const absl::CivilDay& day, int64_t months) {
  const absl::CivilMonth month = absl::CivilMonth(day) + months;
  const absl::CivilDay last = absl::CivilDay(month + 1) - 1;
  return std::min(absl::CivilDay(month.year(), month.month(), 1) + (day.day() - 1), last);
}

Result<absl::Time> Added(absl::Time time, const Zone& zone, int64_t amount,
                         const std::string& unit) {
  constexpr int64_t kAmountMax = 1'000'000'000'000;
  if (amount > kAmountMax || amount < -kAmountMax) return EvalFailure("The amount is too large");
  const std::array<std::pair<std::string_view, absl::Duration>, 7> elapsed = {{
      {"NANOS", absl::Nanoseconds(1)},
      {"MICROS", absl::Microseconds(1)},
      {"MILLIS", absl::Milliseconds(1)},
      {"SECONDS", absl::Seconds(1)},
      {"MINUTES", absl::Minutes(1)},
      {"HOURS", absl::Hours(1)},
      {"HALF_DAYS", absl::Hours(12)},
  }};
  for (const auto& [name, length] : elapsed) {
    if (name == unit) return time + length * amount;
  }
  static constexpr std::array<std::pair<std::string_view, int>, 7> kCalendar = {{
      {"DAYS", 0},
      {"WEEKS", 0},
      {"MONTHS", 1},
      {"YEARS", 12},
      {"DECADES", 120},
      {"CENTURIES", 1200},
      {"MILLENNIA", 12000},
  }};
  for (const auto& [name, months] : kCalendar) {
    if (name != unit) continue;
    if (std::abs(amount) * std::max(months, 7) > 20'000'000)
      return EvalFailure("The amount is too large");
    LocalDateTime local = LocalAt(time, zone.tz);
    const absl::CivilDay day(local.second);
    const absl::CivilDay moved = months > 0        ? PlusMonths(day, amount * months)
                                 : name == "WEEKS" ? day + amount * 7
                                                   : day + amount;
    local.second = absl::CivilSecond(moved.year(), moved.month(), moved.day(), local.second.hour(),
                                     local.second.minute(), local.second.second());
    return TimeOf(local, zone.tz);
  }
  return EvalFailure("No unit '" + unit + "'; units are DAYS, HOURS, MINUTES, …");
}

Result<Value> DateAdd(const Value& input, const CallArguments& arguments, Evaluator& evaluator) {
  if (!Given(arguments.Get(0)) || arguments.Get(0)->kind() != Kind::kI64) {
    return EvalFailure(
        "dateAdd needs a whole number as its amount (a literal; add 0 to a variable)");
  }
  if (!Given(arguments.Get(1)) || !arguments.Get(1)->is_string()) {
    return EvalFailure("dateAdd needs a unit");
  }
  ASSIGN_OR_FAIL(const Zone zone, ZoneOf(arguments.Get(3), evaluator));
  ASSIGN_OR_FAIL(const absl::Time time, MomentOf(input, zone, arguments.Get(4)));
  ASSIGN_OR_FAIL(const absl::Time added,
                 Added(time, zone, arguments.Get(0)->AsInt(), arguments.Get(1)->AsString()));
  return Formatted(added, zone, arguments.Get(2), arguments.Get(5));
}

Result<absl::Time> Stamp(const Value& input, const CallArguments& arguments, Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const Zone zone, ZoneOf(arguments.Get(0), evaluator));
  return MomentOf(input, zone, arguments.Get(1));
}

Result<Value> Timestamp(const Value& input, const CallArguments& arguments, Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const absl::Time time, Stamp(input, arguments, evaluator));
  return Value::Long(absl::ToUnixSeconds(time));
}

Result<Value> TimestampMilli(const Value& input, const CallArguments& arguments,
                             Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const absl::Time time, Stamp(input, arguments, evaluator));
  return Value::Long(absl::ToUnixMillis(time));
}

Result<Value> TimestampMicro(const Value& input, const CallArguments& arguments,
                             Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const absl::Time time, Stamp(input, arguments, evaluator));
  return Value::String(std::to_string(absl::ToUnixMicros(time)));
}

Result<Value> TimestampNano(const Value& input, const CallArguments& arguments,
                            Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const absl::Time time, Stamp(input, arguments, evaluator));
  return Value::String(std::to_string(absl::ToUnixNanos(time)));
}

}  // namespace

Result<Zone> ZoneOf(const Value* argument, Evaluator& evaluator) {
  if (Given(argument) && !argument->is_string()) return EvalFailure("A time zone must be text");
  const std::string& id = Given(argument) ? argument->AsString() : evaluator.context().zone;
  ASSIGN_OR_FAIL_STATUS(Zone zone, LoadZone(id));
  return zone;
}

Result<absl::Time> MomentOf(const Value& value, const Zone& zone, const Value* existing_format) {
  switch (value.kind()) {
    case Kind::kInstant:
    case Kind::kDate:
    case Kind::kZoned: return value.AsTime();
    case Kind::kLocalDateTime: return TimeOf(value.AsLocal(), zone.tz);
    case Kind::kLocalDate:
      return TimeOf({absl::CivilSecond(value.AsDay()) + 12 * 3600, 0}, zone.tz);
    case Kind::kI64: return absl::FromUnixSeconds(value.AsInt());
    case Kind::kString: break;
    default: return EvalFailure("A date cannot be made of " + std::string(JavaClassName(value)));
  }
  const std::string& text = value.AsString();
  if (Given(existing_format)) {
    if (!existing_format->is_string()) return EvalFailure("existingFormat must be text");
    ASSIGN_OR_FAIL_STATUS(const ParsedDate parsed, ParseDate(text, existing_format->AsString()));
    if (parsed.time) return *parsed.time;
    if (parsed.local) return TimeOf(*parsed.local, zone.tz);
    return TimeOf({absl::CivilSecond(parsed.day), 0}, zone.tz);
  }
  if (const auto zoned = ReadIsoZoned(text)) return zoned->time;
  if (const auto local = ReadIsoLocal(text)) return TimeOf(*local, zone.tz);
  if (const auto day = ReadIsoDate(text)) return TimeOf({absl::CivilSecond(*day), 0}, zone.tz);
  return EvalFailure("Text '" + text + "' could not be parsed as a date");
}

Result<Value> Formatted(absl::Time time, const Zone& zone, const Value* format,
                        const Value* locale) {
  if ((Given(format) && !format->is_string()) || (Given(locale) && !locale->is_string())) {
    return EvalFailure("A format and a locale must be text");
  }
  ASSIGN_OR_FAIL_STATUS(std::string text,
                        FormatDate(time, zone, Given(format) ? format->AsString() : "iso",
                                   Given(locale) ? locale->AsString() : "en_US"));
  return Value::String(std::move(text));
}

std::span<const FilterSpec> DateFilters() {
  static const auto* const filters = new std::array<FilterSpec, 6>{{
      {"date", Parameters::Of({"format", "timeZone", "existingFormat", "locale"}), true, Date},
      {"dateAdd",
       Parameters::Of({"amount", "unit", "format", "timeZone", "existingFormat", "locale"}), true,
       DateAdd},
      {"timestamp", Parameters::Of({"timeZone", "existingFormat"}), true, Timestamp},
      {"timestampMilli", Parameters::Of({"timeZone", "existingFormat"}), true, TimestampMilli},
      {"timestampMicro", Parameters::Of({"timeZone", "existingFormat"}), true, TimestampMicro},
      {"timestampNano", Parameters::Of({"timeZone", "existingFormat"}), true, TimestampNano},
  }};
  return *filters;
}

}  // namespace orch::expression
