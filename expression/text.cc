#include "expression/text.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_format.h"
#include "expression/decimal.h"
#include "expression/json.h"
#include "expression/time_zone.h"
#include "expression/utf16.h"

namespace orch::expression {
namespace {

template <typename Number>
std::string JavaFloating(Number value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t e = text.find('e');
  int exponent = 0;
  const char* from = text.data() + e + 1;
  if (*from == '+') ++from;
  std::from_chars(from, end, exponent);
  std::string sign;
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c == '-') sign = "-";
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  if (exponent < -3 || exponent >= 7) {
    std::string fraction = digits.substr(1);
    if (fraction.empty()) fraction = "0";
    return sign + digits.substr(0, 1) + "." + fraction + "E" + std::to_string(exponent);
  }
  if (exponent < 0) {
    return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  }
  const size_t whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  }
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string Year(int64_t year) {
  if (year > 9999) return "+" + std::to_string(year);
  return year < 0 ? absl::StrFormat("-%04d", -year) : absl::StrFormat("%04d", year);
}

// Nothing, or a point with 3, 6 or 9 digits.
std::string Fraction(int64_t nanos) {
  if (nanos == 0) return "";
  if (nanos % 1'000'000 == 0) return absl::StrFormat(".%03d", nanos / 1'000'000);
  if (nanos % 1'000 == 0) return absl::StrFormat(".%06d", nanos / 1'000);
  return absl::StrFormat(".%09d", nanos);
}

std::string ClockTime(const absl::CivilSecond& second, int64_t nanos, bool seconds_always) {
  std::string text = absl::StrFormat("%02d:%02d", second.hour(), second.minute());
  if (seconds_always || second.second() != 0 || nanos != 0) {
    text += absl::StrFormat(":%02d", second.second()) + Fraction(nanos);
  }
  return text;
}

void AppendJava(const Value& value, std::string* out) {
  switch (value.kind()) {
    case Kind::kList:
    case Kind::kSet:
    case Kind::kArray: {
      out->push_back('[');
      bool first = true;
      for (const Value& item : value.items()) {
        if (!first) *out += ", ";
        first = false;
        AppendJava(item, out);
      }
      out->push_back(']');
      return;
    }
    case Kind::kMap: {
      out->push_back('{');
      bool first = true;
      for (const MapEntry& entry : value.entries()) {
        if (!first) *out += ", ";
        first = false;
        AppendJava(entry.key, out);
        out->push_back('=');
        AppendJava(entry.value, out);
      }
      out->push_back('}');
      return;
    }
    case Kind::kEntry:
      AppendJava(value.entry_key(), out);
      out->push_back('=');
      AppendJava(value.entry_value(), out);
      return;
    default: *out += JavaText(value);
  }
}

}  // namespace

std::string DoubleText(double value) { return JavaFloating(value); }
std::string FloatText(float value) { return JavaFloating(value); }

std::string DateText(absl::CivilDay day) {
  return Year(day.year()) + absl::StrFormat("-%02d-%02d", day.month(), day.day());
}

std::string LocalDateTimeText(const LocalDateTime& time) {
  return DateText(absl::CivilDay(time.second)) + "T" +
         ClockTime(time.second, time.nanosecond, /*seconds_always=*/false);
}

std::string InstantText(absl::Time time) {
  const LocalDateTime local = LocalAt(time, absl::UTCTimeZone());
  return DateText(absl::CivilDay(local.second)) + "T" +
         ClockTime(local.second, local.nanosecond, /*seconds_always=*/true) + "Z";
}

std::string ZonedText(const ZonedTime& time) {
  const auto zone = LoadZone(time.zone);
  const absl::TimeZone tz = zone.ok() ? zone->tz : absl::UTCTimeZone();
  std::string text = LocalDateTimeText(LocalAt(time.time, tz)) +
                     OffsetText(tz.At(time.time).offset, OffsetStyle::kColonOrZ);
  if (zone.ok() && zone->region) text += "[" + zone->id + "]";
  return text;
}

std::string DurationText(absl::Duration duration) {
  if (duration == absl::ZeroDuration()) return "PT0S";
  const int64_t total = absl::ToInt64Nanoseconds(duration);
  const bool fits = absl::Nanoseconds(total) == duration;
  int64_t seconds = absl::ToInt64Seconds(duration);
  int64_t nanos = fits ? total - seconds * 1'000'000'000 : 0;
  const int64_t hours = seconds / 3600;
  const int64_t minutes = (seconds % 3600) / 60;
  seconds %= 60;
  std::string text = "PT";
  if (hours != 0) text += std::to_string(hours) + "H";
  if (minutes != 0) text += std::to_string(minutes) + "M";
  if (seconds == 0 && nanos == 0) return text;
  const bool negative = seconds < 0 || nanos < 0;
  if (negative) text += "-";
  text += std::to_string(seconds < 0 ? -seconds : seconds);
  if (nanos != 0) {
    std::string fraction = absl::StrFormat("%09d", nanos < 0 ? -nanos : nanos);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += "." + fraction;
  }
  return text + "S";
}

std::string DurationSeconds(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  const int64_t nanos = absl::ToInt64Nanoseconds(duration - absl::Seconds(seconds));
  const bool negative = seconds < 0 || nanos < 0;
  return absl::StrFormat("%s%d.%09d", negative ? "-" : "", seconds < 0 ? -seconds : seconds,
                         nanos < 0 ? -nanos : nanos);
}

std::string JavaText(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull: return "null";
    case Kind::kBool: return value.AsBool() ? "true" : "false";
    case Kind::kI32:
    case Kind::kI64: return std::to_string(value.AsInt());
    case Kind::kF32: return FloatText(static_cast<float>(value.AsDouble()));
    case Kind::kF64: return DoubleText(value.AsDouble());
    case Kind::kChar: return ToUtf8(std::u16string(1, value.AsChar()));
    case Kind::kBigInt:
    case Kind::kBigDecimal:
    case Kind::kString:
    case Kind::kUri:
    case Kind::kEnum:
    case Kind::kMarker: return value.AsString();
    case Kind::kInstant: return InstantText(value.AsTime());
    case Kind::kZoned: return ZonedText({value.AsTime(), value.zone()});
    case Kind::kLocalDateTime: return LocalDateTimeText(value.AsLocal());
    case Kind::kLocalDate: return DateText(value.AsDay());
    case Kind::kDate:
      return absl::FormatTime("%a %b %d %H:%M:%S UTC %Y", value.AsTime(), absl::UTCTimeZone());
    case Kind::kDuration: return DurationText(value.AsDuration());
    case Kind::kList:
    case Kind::kArray:
    case Kind::kSet:
    case Kind::kMap:
    case Kind::kEntry: {
      std::string text;
      AppendJava(value, &text);
      return text;
    }
    case Kind::kView: return "{}";
    case Kind::kDeferred: return "";
  }
  return "";
}

std::string PrintText(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull: return "";
    case Kind::kList:
    case Kind::kArray:
    case Kind::kSet:
    case Kind::kMap: return ToJson(value, NullPolicy::kDropMapNulls);
    case Kind::kBigDecimal: return DecimalPlain(value.AsString());
    default: return JavaText(value);
  }
}

std::string_view JavaClassName(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull: return "null";
    case Kind::kBool: return "java.lang.Boolean";
    case Kind::kI32: return "java.lang.Integer";
    case Kind::kI64: return "java.lang.Long";
    case Kind::kBigInt: return "java.math.BigInteger";
    case Kind::kF32: return "java.lang.Float";
    case Kind::kF64: return "java.lang.Double";
    case Kind::kBigDecimal: return "java.math.BigDecimal";
    case Kind::kChar: return "java.lang.Character";
    case Kind::kString:
    case Kind::kMarker: return "java.lang.String";
    case Kind::kList: return "java.util.ArrayList";
    case Kind::kArray: return "[Ljava.lang.String;";
    case Kind::kSet: return "java.util.LinkedHashSet";
    case Kind::kMap:
      return value.order() == MapOrder::kJavaHash ? "java.util.HashMap" : "java.util.LinkedHashMap";
    case Kind::kView: return "java.util.LinkedHashMap";
    case Kind::kEntry: return "java.util.AbstractMap$SimpleEntry";
    case Kind::kInstant: return "java.time.Instant";
    case Kind::kZoned: return "java.time.ZonedDateTime";
    case Kind::kLocalDateTime: return "java.time.LocalDateTime";
    case Kind::kLocalDate: return "java.time.LocalDate";
    case Kind::kDate: return "java.util.Date";
    case Kind::kDuration: return "java.time.Duration";
    case Kind::kUri: return "java.net.URI";
    case Kind::kEnum: return "java.lang.Enum";
    case Kind::kDeferred: return "java.lang.Object";
  }
  return "";
}

}  // namespace orch::expression
