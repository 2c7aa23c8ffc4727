#include "cli/offline/typed_json.h"

#include <cctype>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "controlplane/flow/duration.h"
#include "expression/json.h"
#include "expression/text.h"

namespace orch::cli {
namespace {

using expression::Kind;
using expression::Value;

absl::Status Bad(std::string_view key, const Value& value) {
  return absl::InvalidArgumentError(
      absl::StrCat("{\"", std::string(key), "\": …} cannot hold ", expression::ToJson(value)));
}

bool ParseLocal(const std::string& text, expression::LocalDateTime* local) {
  std::string seconds = text;
  local->nanosecond = 0;
  if (const size_t dot = text.find('.'); dot != std::string::npos) {
    std::string digits = text.substr(dot + 1);
    if (digits.empty() || digits.size() > 9) return false;
    digits.resize(9, '0');
    if (!absl::SimpleAtoi(digits, &local->nanosecond)) return false;
    seconds = text.substr(0, dot);
  }
  if (seconds.size() == 16) seconds += ":00";
  return absl::ParseCivilTime(seconds, &local->second);
}

// ISO with an offset, and maybe a region in brackets.
bool ParseZoned(const std::string& text, expression::ZonedTime* zoned) {
  std::string moment = text;
  std::string region;
  if (!text.empty() && text.back() == ']') {
    const size_t open = text.rfind('[');
    if (open == std::string::npos) return false;
    region = text.substr(open + 1, text.size() - open - 2);
    moment = text.substr(0, open);
  }
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, moment, &zoned->time, &error)) return false;
  const bool utc = moment.back() == 'Z';
  zoned->zone = !region.empty() ? region : utc ? "Z" : moment.substr(moment.size() - 6);
  return true;
}

absl::StatusOr<Value> Typed(std::string_view key, const Value& value) {
  std::string error;
  absl::Time time;
  if (key == "$set" || key == "$strings") {
    if (!value.is_list()) return Bad(key, value);
    std::vector<Value> items;
    for (const Value& item : value.items()) {
      ORCH_ASSIGN_OR_RETURN(Value read, FromTypedJson(item));
      items.push_back(std::move(read));
    }
    return key == "$set" ? Value::Set(std::move(items)) : Value::Array(std::move(items));
  }
  if (key == "$float") {
    if (!value.is_number()) return Bad(key, value);
    return Value::Float(static_cast<float>(value.AsDouble()));
  }
  if (key == "$long") {
    if (!value.is_integer()) return Bad(key, value);
    return Value::Long(value.AsInt());
  }
  const std::string text = value.is_string() ? value.AsString() : expression::PrintText(value);
  if (key == "$instant" || key == "$date") {
    if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return Bad(key, value);
    return key == "$instant" ? Value::Instant(time) : Value::LegacyDate(time);
  }
  if (key == "$zonedDateTime") {
    expression::ZonedTime zoned;
    if (!ParseZoned(text, &zoned)) return Bad(key, value);
    return Value::Zoned(std::move(zoned));
  }
  if (key == "$localDateTime") {
    expression::LocalDateTime local;
    if (!ParseLocal(text, &local)) return Bad(key, value);
    return Value::Local(local);
  }
  if (key == "$localDate") {
    absl::CivilDay day;
    if (!absl::ParseCivilTime(text, &day)) return Bad(key, value);
    return Value::Date(day);
  }
  if (key == "$duration") {
    const auto duration = flow::ParseDuration(text);
    if (!duration) return Bad(key, value);
    return Value::Duration(*duration);
  }
  if (key == "$decimal") return Value::BigDecimal(text);
  if (key == "$bigint") {
    const size_t sign = !text.empty() && text.front() == '-' ? 1 : 0;
    if (text.size() == sign || text.find_first_not_of("0123456789", sign) != std::string::npos) {
      return Bad(key, value);
    }
    return Value::BigInt(text);
  }
  if (key == "$uri") return Value::Uri(text);
  return absl::InvalidArgumentError(
      absl::StrCat("a context file knows no \"", std::string(key), "\""));
}

// The same value with durations as their ISO texts.
Value Shown(const Value& value) {
  switch (value.kind()) {
    case Kind::kDuration: return Value::String(expression::DurationText(value.AsDuration()));
    case Kind::kList:
    case Kind::kArray:
    case Kind::kSet: {
      std::vector<Value> items;
      for (const Value& item : value.items()) items.push_back(Shown(item));
      return Value::List(std::move(items));
    }
    case Kind::kMap: {
      expression::MapBuilder map;
      for (const expression::MapEntry& entry : value.entries())
        map.Set(entry.key, Shown(entry.value));
      return map.Build();
    }
    default: return value;
  }
}

}  // namespace

absl::StatusOr<Value> FromTypedJson(const Value& json) {
  if (json.is_list()) {
    std::vector<Value> items;
    items.reserve(json.size());
    for (const Value& item : json.items()) {
      ORCH_ASSIGN_OR_RETURN(Value read, FromTypedJson(item));
      items.push_back(std::move(read));
    }
    return Value::List(std::move(items));
  }
  if (!json.is_map()) return json;
  if (json.size() == 1) {
    const expression::MapEntry& only = json.entries().front();
    if (only.key.is_string() && only.key.AsString().starts_with('$')) {
      return Typed(only.key.AsString(), only.value);
    }
  }
  expression::MapBuilder map;
  for (const expression::MapEntry& entry : json.entries()) {
    ORCH_ASSIGN_OR_RETURN(Value read, FromTypedJson(entry.value));
    map.Set(entry.key, std::move(read));
  }
  return map.Build();
}

std::string_view ClassOf(const Value& value) {
  switch (value.kind()) {
    case Kind::kNull: return "null";
    case Kind::kBool: return "boolean";
    case Kind::kI32: return "int";
    case Kind::kI64: return "long";
    case Kind::kBigInt: return "bigint";
    case Kind::kF32: return "float";
    case Kind::kF64: return "double";
    case Kind::kBigDecimal: return "decimal";
    case Kind::kChar: return "char";
    case Kind::kString:
    case Kind::kMarker: return "string";
    case Kind::kList: return "list";
    case Kind::kArray: return "strings";
    case Kind::kSet: return "set";
    case Kind::kMap:
    case Kind::kView:
    case Kind::kDeferred: return "map";
    case Kind::kEntry: return "entry";
    case Kind::kInstant: return "instant";
    case Kind::kZoned: return "zonedDateTime";
    case Kind::kLocalDateTime: return "localDateTime";
    case Kind::kLocalDate: return "localDate";
    case Kind::kDate: return "date";
    case Kind::kDuration: return "duration";
    case Kind::kUri: return "uri";
    case Kind::kEnum: return "enum";
  }
  return "null";
}

std::string ResultJson(const Value& value) {
  return expression::ToJson(Shown(value), expression::NullPolicy::kKeep);
}

}  // namespace orch::cli
