#include "expression/attributes.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "expression/java_hash.h"
#include "expression/regex.h"
#include "expression/text.h"
#include "expression/text_tools.h"
#include "expression/time_zone.h"
#include "expression/utf16.h"

namespace orch::expression {
namespace {

using Values = std::vector<Value>;

std::optional<int64_t> IndexOf(const Value& key) {
  const std::string text = JavaText(key);
  int64_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return index;
}

// `length`, `getLength`, `isLength` and `hasLength` are one property.
std::string PropertyName(const std::string& name) {
  for (const std::string_view prefix : {"get", "is", "has"}) {
    if (name.size() > prefix.size() && name.substr(0, prefix.size()) == prefix &&
        name[prefix.size()] >= 'A' && name[prefix.size()] <= 'Z') {
      std::string rest = name.substr(prefix.size());
      rest[0] = static_cast<char>(rest[0] - 'A' + 'a');
      return rest;
    }
  }
  return name;
}

bool AllStrings(const Values& arguments, size_t count) {
  return arguments.size() == count && std::all_of(arguments.begin(), arguments.end(),
                                                  [](const Value& v) { return v.is_string(); });
}

int32_t UnitsBefore(const std::string& text, size_t bytes) {
  return static_cast<int32_t>(Utf16Length(std::string_view(text).substr(0, bytes)));
}

std::string Trimmed(const std::string& text) {
  const size_t first = std::find_if(text.begin(), text.end(),
                                    [](char c) { return static_cast<unsigned char>(c) > ' '; }) -
                       text.begin();
  size_t last = text.size();
  while (last > first && static_cast<unsigned char>(text[last - 1]) <= ' ') --last;
  return text.substr(first, last - first);
}

std::string ReplacedAll(const std::string& text, const std::string& from, const std::string& to) {
  if (from.empty()) return text;
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, done)) {
    out.append(text, done, at - done);
    out += to;
    done = at + from.size();
  }
  return out + text.substr(done);
}

// nullopt: there is no such method for these arguments.
using Answer = Result<std::optional<Value>>;

Answer TextMethod(const std::string& text, const std::string& name, const Values& arguments,
                  Evaluator& evaluator) {
  if (arguments.empty()) {
    const std::string property = PropertyName(name);
    if (property == "length") return {Value::Int(static_cast<int32_t>(Utf16Length(text)))};
    if (property == "empty") return {Value::Bool(text.empty())};
    if (property == "blank") return {Value::Bool(Trimmed(text).empty())};
    if (name == "trim" || name == "strip") return {Value::String(Trimmed(text))};
    if (name == "toUpperCase") return {Value::String(ToUpper(text))};
    if (name == "toLowerCase") return {Value::String(ToLower(text))};
  }
  if (AllStrings(arguments, 1)) {
    const std::string& other = arguments[0].AsString();
    if (name == "startsWith") return {Value::Bool(text.starts_with(other))};
    if (name == "endsWith") return {Value::Bool(text.ends_with(other))};
    if (name == "concat") return {Value::String(text + other)};
    if (name == "equalsIgnoreCase") return {Value::Bool(ToLower(text) == ToLower(other))};
    if (name == "indexOf" || name == "lastIndexOf") {
      const size_t at = name == "indexOf" ? text.find(other) : text.rfind(other);
      return {Value::Int(at == std::string::npos ? -1 : UnitsBefore(text, at))};
    }
    if (name == "split") {
      ASSIGN_OR_FAIL(const Regex regex, CompilePattern(other, evaluator));
      ASSIGN_OR_FAIL_STATUS(const std::vector<std::string> parts, regex.Split(text));
      Values items;
      for (const std::string& part : parts) items.push_back(Value::String(part));
      return {Value::Array(std::move(items))};
    }
    if (name == "matches") {
      ASSIGN_OR_FAIL(const Regex regex, CompilePattern(other, evaluator));
      ASSIGN_OR_FAIL_STATUS(const bool matches, regex.MatchesWhole(text));
      return {Value::Bool(matches)};
    }
  }
  if (AllStrings(arguments, 2)) {
    if (name == "replace") {
      return {Value::String(ReplacedAll(text, arguments[0].AsString(), arguments[1].AsString()))};
    }
    if (name == "replaceAll") {
      ASSIGN_OR_FAIL(const Regex regex, CompilePattern(arguments[0].AsString(), evaluator));
      ASSIGN_OR_FAIL_STATUS(std::string replaced, regex.ReplaceAll(text, arguments[1].AsString()));
      return {Value::String(std::move(replaced))};
    }
  }
  const bool units = arguments.size() >= 1 && arguments.size() <= 2 &&
                     std::all_of(arguments.begin(), arguments.end(),
                                 [](const Value& v) { return v.kind() == Kind::kI32; });
  if (units && name == "substring") {
    const std::u16string all = ToUtf16(text);
    const int64_t from = arguments[0].AsInt();
    const int64_t to =
        arguments.size() == 2 ? arguments[1].AsInt() : static_cast<int64_t>(all.size());
    if (from < 0 || to > static_cast<int64_t>(all.size()) || from > to) {
      return EvalFailure("substring goes beyond the text");
    }
    return {Value::String(ToUtf8(std::u16string_view(all).substr(from, to - from)))};
  }
  return {std::nullopt};
}

Answer MapMethod(const Value& map, const std::string& name, const Values& arguments) {
  if (arguments.empty()) {
    if (name == "size") return {Value::Int(static_cast<int32_t>(map.size()))};
    if (name == "isEmpty") return {Value::Bool(map.size() == 0)};
    if (name == "keySet" || name == "values" || name == "entrySet") {
      Values items;
      for (const MapEntry& entry : map.entries()) {
        items.push_back(name == "keySet"   ? entry.key
                        : name == "values" ? entry.value
                                           : Value::Entry(entry.key, entry.value));
      }
      return {Value::Set(std::move(items))};
    }
  }
  if (arguments.size() == 1) {
    const Value* found = map.FindKey(arguments[0]);
    if (name == "get") return {found == nullptr ? Value::Null() : *found};
    if (name == "containsKey") return {Value::Bool(found != nullptr)};
    if (name == "containsValue") {
      return {Value::Bool(std::any_of(map.entries().begin(), map.entries().end(),
                                      [&](const MapEntry& e) { return e.value == arguments[0]; }))};
    }
  }
  if (arguments.size() == 2 && name == "getOrDefault") {
    const Value* found = map.FindKey(arguments[0]);
    return {found == nullptr ? arguments[1] : *found};
  }
  return {std::nullopt};
}

Answer SequenceMethod(const Value& list, const std::string& name, const Values& arguments) {
  const Values& items = list.items();
  if (list.kind() == Kind::kArray) return {std::nullopt};
  if (arguments.empty()) {
    const std::string property = PropertyName(name);
    if (name == "size") return {Value::Int(static_cast<int32_t>(items.size()))};
    if (property == "empty") return {Value::Bool(items.empty())};
    if ((property == "first" || property == "last") && list.is_list()) {
      if (items.empty()) return EvalFailure("The list is empty");
      return {property == "first" ? items.front() : items.back()};
    }
  }
  if (arguments.size() == 1 && list.is_list()) {
    if (name == "indexOf") {
      const auto found = std::find(items.begin(), items.end(), arguments[0]);
      return {Value::Int(found == items.end() ? -1 : static_cast<int32_t>(found - items.begin()))};
    }
    if (name == "get" && arguments[0].kind() == Kind::kI32) {
      const int64_t index = arguments[0].AsInt();
      if (index < 0 || index >= static_cast<int64_t>(items.size())) {
        return EvalFailure("The list has no element " + std::to_string(index));
      }
      return {items[static_cast<size_t>(index)]};
    }
  }
  return {std::nullopt};
}

Answer DateProperty(const Value& value, const std::string& property) {
  static constexpr std::string_view kDays[] = {"MONDAY", "TUESDAY",  "WEDNESDAY", "THURSDAY",
                                               "FRIDAY", "SATURDAY", "SUNDAY"};
  static constexpr std::string_view kMonths[] = {"JANUARY",   "FEBRUARY", "MARCH",    "APRIL",
                                                 "MAY",       "JUNE",     "JULY",     "AUGUST",
                                                 "SEPTEMBER", "OCTOBER",  "NOVEMBER", "DECEMBER"};
  if (value.kind() == Kind::kInstant || value.kind() == Kind::kZoned) {
    if (property == "epochSecond") return {Value::Long(absl::ToUnixSeconds(value.AsTime()))};
    if (value.kind() == Kind::kInstant) return {std::nullopt};
  }
  LocalDateTime local;
  if (value.kind() == Kind::kZoned) {
    ASSIGN_OR_FAIL_STATUS(const Zone zone, LoadZone(value.zone()));
    local = LocalAt(value.AsTime(), zone.tz);
  } else if (value.kind() == Kind::kLocalDateTime) {
    local = value.AsLocal();
  } else {
    local.second = absl::CivilSecond(value.AsDay());
  }
  const absl::CivilSecond& s = local.second;
  if (property == "year") return {Value::Int(static_cast<int32_t>(s.year()))};
  if (property == "monthValue") return {Value::Int(s.month())};
  if (property == "month") return {Value::Enum(std::string(kMonths[s.month() - 1]))};
  if (property == "dayOfMonth") return {Value::Int(s.day())};
  if (property == "dayOfYear") return {Value::Int(absl::GetYearDay(absl::CivilDay(s)))};
  if (property == "dayOfWeek") {
    return {Value::Enum(std::string(kDays[static_cast<int>(absl::GetWeekday(absl::CivilDay(s)))]))};
  }
  if (value.kind() == Kind::kLocalDate) return {std::nullopt};
  if (property == "hour") return {Value::Int(s.hour())};
  if (property == "minute") return {Value::Int(s.minute())};
  if (property == "second") return {Value::Int(s.second())};
  if (property == "nano") return {Value::Int(local.nanosecond)};
  return {std::nullopt};
}

Answer EntryProperty(const Value& entry, const std::string& property) {
  if (property == "key") return {entry.entry_key()};
  if (property == "value") return {entry.entry_value()};
  return {std::nullopt};
}

Answer BeanAttribute(const Value& object, const std::string& name, const Values& arguments,
                     bool call, Evaluator& evaluator) {
  if (arguments.empty() && name == "toString") return {Value::String(JavaText(object))};
  if (arguments.empty() && name == "hashCode") return {Value::Int(JavaHash(object))};
  switch (object.kind()) {
    case Kind::kString: return TextMethod(object.AsString(), name, arguments, evaluator);
    case Kind::kMap:
      if (!call) return {std::nullopt};
      return MapMethod(object, name, arguments);
    case Kind::kList:
    case Kind::kSet:
    case Kind::kArray: return SequenceMethod(object, name, arguments);
    case Kind::kEntry:
      return arguments.empty() ? EntryProperty(object, PropertyName(name)) : Answer{std::nullopt};
    case Kind::kInstant:
    case Kind::kZoned:
    case Kind::kLocalDateTime:
    case Kind::kLocalDate:
      return arguments.empty() ? DateProperty(object, PropertyName(name)) : Answer{std::nullopt};
    default: return {std::nullopt};
  }
}

// A number as a key is converted to the class of the map's first key.
Result<Value> MapKey(const Value& map, const Value& key) {
  if (!key.is_number()) return key;
  if (map.size() == 0) return EvalFailure("A number cannot be looked up in an empty map");
  const Value& first = map.entries().front().key;
  switch (first.kind()) {
    case Kind::kI32: return Value::Int(static_cast<int32_t>(static_cast<int64_t>(key.AsDouble())));
    case Kind::kI64:
      return Value::Long(key.is_integer() ? key.AsInt() : static_cast<int64_t>(key.AsDouble()));
    case Kind::kF32: return Value::Float(static_cast<float>(key.AsDouble()));
    case Kind::kF64: return Value::Double(key.AsDouble());
    default: return EvalFailure("A number cannot be looked up in a map whose keys are no numbers");
  }
}

}  // namespace

Result<Value> GetAttribute(Evaluator& evaluator, const Value& object, const Value& key,
                           const std::vector<Value>* arguments, const std::string& root) {
  const std::string name = key.AnyTainted() ? "******" : JavaText(key);
  if (object.is_null()) return MissingFailure(root.empty() ? name : root);
  if (object.is_marker()) return EvalFailure("A value that is filled in later has no attributes");
  if (key.HoldsMarker()) return EvalFailure("A value that is filled in later is no key");
  if (arguments == nullptr) {
    if (object.is_view()) {
      if (key.is_null()) return EvalFailure("Null is no key");
      if (key.is_number())
        return EvalFailure("A number cannot be looked up in a map whose keys are no numbers");
      ASSIGN_OR_FAIL(std::optional<Value> found, evaluator.Member(object, JavaText(key)));
      if (!found) return MissingFailure(name);
      return *std::move(found);
    }
    if (object.is_map()) {
      if (key.is_null()) return EvalFailure("Null is no key");
      ASSIGN_OR_FAIL(const Value looked_up, MapKey(object, key));
      const Value* found = object.FindKey(looked_up);
      if (found == nullptr && name == "class") return EvalFailure("Access to 'class' is refused");
      if (found == nullptr) return MissingFailure(name);
      return *found;
    }
    if (object.is_list() || object.kind() == Kind::kArray) {
      const std::optional<int64_t> index = IndexOf(key);
      if (index && *index >= 0 && *index < static_cast<int64_t>(object.size())) {
        return object.items()[static_cast<size_t>(*index)];
      }
      if (index || object.kind() == Kind::kArray) return MissingFailure(name);
    }
  }
  const std::string method = JavaText(key);
  if (method == "class" || method == "getClass" || method == "wait" || method == "notify" ||
      method == "notifyAll") {
    return EvalFailure("Access to '" + method + "' is refused");
  }
  Value whole = object;
  if (object.is_view()) {
    ASSIGN_OR_FAIL(whole, evaluator.Whole(object));
  }
  static const Values* const none = new Values();
  ASSIGN_OR_FAIL(std::optional<Value> answer,
                 BeanAttribute(whole, method, arguments == nullptr ? *none : *arguments,
                               arguments != nullptr, evaluator));
  if (!answer) return MissingFailure(name);
  bool taint = object.AnyTainted() && !object.is_map() && !object.is_list();
  if (arguments != nullptr) {
    taint = object.AnyTainted();
    for (const Value& argument : *arguments) taint |= argument.AnyTainted();
  }
  return answer->TaintedIf(taint);
}

}  // namespace orch::expression
