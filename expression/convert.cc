#include "expression/convert.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include "expression/date_format.h"
#include "expression/json.h"
#include "expression/text.h"
#include "expression/time_zone.h"

namespace orch::expression {
namespace {

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<double> ReadDouble(std::string_view text) {
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int64_t> ReadInteger(std::string_view text) {
  if (text.size() > 1 && text[0] == '+') text.remove_prefix(1);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view Name(TargetType::Kind kind) {
  switch (kind) {
    case TargetType::Kind::kAny: return "a value";
    case TargetType::Kind::kString: return "a String";
    case TargetType::Kind::kInteger: return "an Integer";
    case TargetType::Kind::kLong: return "a Long";
    case TargetType::Kind::kFloat: return "a Float";
    case TargetType::Kind::kDouble: return "a Double";
    case TargetType::Kind::kBoolean: return "a Boolean";
    case TargetType::Kind::kDuration: return "a Duration";
    case TargetType::Kind::kInstant: return "an Instant";
    case TargetType::Kind::kZonedDateTime: return "a ZonedDateTime";
    case TargetType::Kind::kLocalDateTime: return "a LocalDateTime";
    case TargetType::Kind::kLocalDate: return "a LocalDate";
    case TargetType::Kind::kUri: return "a URI";
    case TargetType::Kind::kEnum: return "one of the allowed names";
    case TargetType::Kind::kList: return "a list";
    case TargetType::Kind::kMap: return "a map";
  }
  return "a value";
}

Failure NotConvertible(const Value& value, const TargetType& target) {
  std::string shown = value.AnyTainted() ? "******" : JavaText(value).substr(0, 200);
  std::string message = "'" + shown + "' cannot be converted to " + std::string(Name(target.kind));
  if (target.kind == TargetType::Kind::kEnum) {
    message += ":";
    for (const std::string& name : target.enum_names) message += " " + name;
  }
  return EvalFailure(std::move(message));
}

std::optional<Value> ReadScalar(std::string_view text, const TargetType& target) {
  using K = TargetType::Kind;
  switch (target.kind) {
    case K::kInteger: {
      const auto number = ReadInteger(text);
      if (!number || *number < std::numeric_limits<int32_t>::min() ||
          *number > std::numeric_limits<int32_t>::max()) {
        return std::nullopt;
      }
      return Value::Int(static_cast<int32_t>(*number));
    }
    case K::kLong: {
      const auto number = ReadInteger(text);
      return number ? std::optional(Value::Long(*number)) : std::nullopt;
    }
    case K::kFloat: {
      const auto number = ReadDouble(text);
      return number ? std::optional(Value::Float(static_cast<float>(*number))) : std::nullopt;
    }
    case K::kDouble: {
      const auto number = ReadDouble(text);
      return number ? std::optional(Value::Double(*number)) : std::nullopt;
    }
    case K::kBoolean:
      if (text == "true" || text == "True" || text == "TRUE") return Value::Bool(true);
      if (text == "false" || text == "False" || text == "FALSE") return Value::Bool(false);
      return std::nullopt;
    case K::kDuration: {
      const auto duration = ReadDuration(text);
      return duration ? std::optional(Value::Duration(*duration)) : std::nullopt;
    }
    case K::kInstant: {
      const auto time = ReadIsoZoned(text);
      return time ? std::optional(Value::Instant(time->time)) : std::nullopt;
    }
    case K::kZonedDateTime: {
      auto time = ReadIsoZoned(text);
      return time ? std::optional(Value::Zoned(*std::move(time))) : std::nullopt;
    }
    case K::kLocalDateTime: {
      const auto local = ReadIsoLocal(text);
      return local ? std::optional(Value::Local(*local)) : std::nullopt;
    }
    case K::kLocalDate: {
      const auto day = ReadIsoDate(text);
      return day ? std::optional(Value::Date(*day)) : std::nullopt;
    }
    case K::kUri:
      if (text.find_first_of(" \t\r\n<>\"") != std::string_view::npos) return std::nullopt;
      return Value::Uri(std::string(text));
    case K::kEnum:
      if (std::find(target.enum_names.begin(), target.enum_names.end(), text) ==
          target.enum_names.end()) {
        return std::nullopt;
      }
      return Value::Enum(std::string(text));
    default: return std::nullopt;
  }
}

Result<Value> ConvertScalar(const Value& value, const TargetType& target) {
  if (value.is_sequence() || value.is_map()) return NotConvertible(value, target);
  if (value.HoldsMarker()) {
    return EvalFailure("A value that is filled in later can only become text");
  }
  const std::string text = PrintText(value);
  const std::string_view trimmed = Trimmed(text);
  if (trimmed.empty()) return Value::Null();
  if (std::optional<Value> read = ReadScalar(trimmed, target)) return *std::move(read);
  // JSON text of the same class is accepted too: "\"INFO\"".
  if (const auto json = ParseJson(trimmed); json.ok() && json->is_string()) {
    if (std::optional<Value> read = ReadScalar(json->AsString(), target)) return *std::move(read);
  }
  return NotConvertible(value, target);
}

Result<Value> ConvertMembers(const Value& value, const TargetType& target) {
  static const TargetType* const any = new TargetType();
  const TargetType& element = target.element ? *target.element : *any;
  if (target.kind == TargetType::Kind::kList) {
    if (!value.is_sequence()) return NotConvertible(value, target);
    std::vector<Value> items;
    for (const Value& item : value.items()) {
      ASSIGN_OR_FAIL(Value converted, Convert(item, element));
      items.push_back(std::move(converted));
    }
    return Value::List(std::move(items));
  }
  if (!value.is_map()) return NotConvertible(value, target);
  MapBuilder map;
  for (const MapEntry& entry : value.entries()) {
    ASSIGN_OR_FAIL(Value converted, Convert(entry.value, element));
    map.Add(entry.key.is_string() ? entry.key : Value::String(JavaText(entry.key)),
            std::move(converted));
  }
  return map.Build();
}

}  // namespace

std::optional<absl::Duration> ReadDuration(std::string_view text) {
  if (const auto seconds = ReadDouble(text)) return absl::Seconds(*seconds);
  size_t at = 0;
  double sign = 1;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) sign = text[at++] == '-' ? -1 : 1;
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  if (at >= text.size() || upper(text[at++]) != 'P') return std::nullopt;
  absl::Duration total;
  bool time = false;
  bool any = false;
  while (at < text.size()) {
    if (upper(text[at]) == 'T') {
      if (time || at + 1 == text.size()) return std::nullopt;
      time = true;
      ++at;
      continue;
    }
    double unit_sign = sign;
    if (text[at] == '-' || text[at] == '+') unit_sign *= text[at++] == '-' ? -1 : 1;
    const size_t digits = at;
    while (at < text.size() && ((text[at] >= '0' && text[at] <= '9') || text[at] == '.')) ++at;
    if (at == digits || at >= text.size()) return std::nullopt;
    const auto number = ReadDouble(text.substr(digits, at - digits));
    if (!number) return std::nullopt;
    const bool whole = text.substr(digits, at - digits).find('.') == std::string_view::npos;
    absl::Duration unit;
    switch (upper(text[at++])) {
      case 'D': unit = absl::Hours(24); break;
      case 'H': unit = absl::Hours(1); break;
      case 'M': unit = absl::Minutes(1); break;
      case 'S': unit = absl::Seconds(1); break;
      default: return std::nullopt;
    }
    const char letter = upper(text[at - 1]);
    if ((letter == 'D') == time || (!whole && letter != 'S')) return std::nullopt;
    total += unit * *number * unit_sign;
    any = true;
  }
  return any ? std::optional(total) : std::nullopt;
}

Result<Value> Convert(const Value& value, const TargetType& target) {
  if (value.is_null()) return Value::Null();
  switch (target.kind) {
    case TargetType::Kind::kAny: return value;
    case TargetType::Kind::kString:
      return (value.is_string() ? value : Value::String(PrintText(value)))
          .TaintedIf(value.AnyTainted());
    case TargetType::Kind::kList:
    case TargetType::Kind::kMap: {
      if (!value.is_string()) return ConvertMembers(value, target);
      if (Trimmed(value.AsString()).empty()) return Value::Null();
      const absl::StatusOr<Value> parsed = ParseJson(value.AsString());
      if (!parsed.ok()) return NotConvertible(value, target);
      return ConvertMembers(parsed->TaintedIf(value.AnyTainted()), target);
    }
    default: {
      ASSIGN_OR_FAIL(const Value converted, ConvertScalar(value, target));
      return converted.TaintedIf(value.AnyTainted());
    }
  }
}

}  // namespace orch::expression
