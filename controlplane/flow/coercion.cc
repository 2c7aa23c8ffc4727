#include "controlplane/flow/coercion.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "controlplane/flow/date_text.h"
#include "controlplane/flow/duration.h"
#include "controlplane/flow/yaml.h"
#include "expression/json.h"
#include "expression/regex.h"
#include "expression/text.h"

namespace orch::flow {
namespace {

using expression::PrintText;
using expression::Value;

absl::Status Bad(std::string reason) { return absl::InvalidArgumentError(std::move(reason)); }

absl::Status BadNumber(const std::string& text) {
  return Bad(absl::StrFormat("For input string: \"%s\"", text.substr(0, 200)));
}

absl::StatusOr<Value> ToInt(const std::string& text) {
  const bool sign = !text.empty() && (text[0] == '+' || text[0] == '-');
  const char* from = text.data() + (sign && text[0] == '+');
  const char* end = text.data() + text.size();
  int32_t value = 0;
  const auto [stopped, error] = std::from_chars(from, end, value);
  if (error != std::errc() || stopped != end ||
      (sign && text.size() > 1 && !std::isdigit(static_cast<unsigned char>(text[1])))) {
    return BadNumber(text);
  }
  return Value::Int(value);
}

absl::StatusOr<Value> ToFloat(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.front())))
    rest.remove_prefix(1);
  while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.back())))
    rest.remove_suffix(1);
  std::string_view digits = rest;
  const bool negative = !digits.empty() && digits[0] == '-';
  if (!digits.empty() && (digits[0] == '+' || digits[0] == '-')) digits.remove_prefix(1);
  // JSON has no number for these.
  if (digits == "NaN") return Value::String("NaN");
  if (digits == "Infinity") return Value::String(negative ? "-Infinity" : "Infinity");
  if (digits.size() > 1 && std::string_view("fFdD").find(digits.back()) != std::string_view::npos) {
    digits.remove_suffix(1);
  }
  if (digits.empty() ||
      !(std::isdigit(static_cast<unsigned char>(digits[0])) || digits[0] == '.')) {
    return BadNumber(text);
  }
  float value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, value);
  if (error == std::errc::invalid_argument || stopped != end) return BadNumber(text);
  if (error == std::errc::result_out_of_range) {
    // Too large is infinite, too small is zero.
    double wide = 0;
    if (!absl::SimpleAtod(absl::string_view(digits.data(), digits.size()), &wide))
      return BadNumber(text);
    if (std::fabs(wide) > 1) return Value::String(negative ? "-Infinity" : "Infinity");
    value = 0;
  }
  double shown = 0;
  const std::string shortest = expression::FloatText(value);
  std::from_chars(shortest.data(), shortest.data() + shortest.size(), shown);
  return Value::Double(negative ? -shown : shown);
}

bool IsUri(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  if (!std::isalpha(static_cast<unsigned char>(text[0]))) return false;
  for (const char c : text.substr(0, colon)) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '+' && c != '-' && c != '.')
      return false;
  }
  return text.find_first_of(" \t\r\n<>\"{}|\\^`") == std::string_view::npos;
}

bool IsEmail(std::string_view text) {
  const size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size()) return false;
  const auto all = [](std::string_view part, std::string_view extra) {
    return std::all_of(part.begin(), part.end(), [&](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || extra.find(c) != std::string_view::npos;
    });
  };
  return all(text.substr(0, at), "_!#$%&'*+/=?`{|}~^.-") && all(text.substr(at + 1), ".-");
}

absl::StatusOr<Value> ToFile(const std::string& text) {
  const auto begins = [&](std::string_view prefix) {
    return text.compare(0, prefix.size(), prefix) == 0;
  };
  if (begins("kestra://")) return Value::String(text);
  if (begins("nsfile:") || begins("file:")) {
    return Bad("`" + text.substr(0, text.find(':')) +
               ":` addresses cannot be read by this release yet");
  }
  return Bad(
      "it must be the address of a stored file (`kestra:///...`); send the file with the request");
}

absl::StatusOr<Value> ToList(const std::string& item_type, const Value& value, InstantStyle style) {
  Value list = value;
  if (value.is_string()) {
    const auto parsed = expression::ParseJson(value.AsString());
    if (!parsed.ok() || !parsed->is_list()) {
      return Bad(absl::StrFormat("`%s` is no JSON array", value.AsString().substr(0, 200)));
    }
    list = *parsed;
  }
  if (!list.is_sequence())
    return Bad(absl::StrFormat("`%s` is no list", PrintText(value).substr(0, 200)));
  std::vector<Value> items;
  items.reserve(list.size());
  for (const Value& item : list.items()) {
    absl::StatusOr<Value> coerced =
        item.is_null() ? Bad("null")
                       : Coerce(item_type.empty() ? "STRING" : item_type, "", item, style);
    if (absl::IsUnimplemented(coerced.status())) return coerced;
    if (!coerced.ok()) {
      return Bad(absl::StrFormat("Unable to parse array element as `%s` on `%s`", item_type,
                                 item.is_null() ? "null" : PrintText(item).substr(0, 200)));
    }
    items.push_back(*std::move(coerced));
  }
  return Value::List(std::move(items));
}

absl::StatusOr<Value> ToInstant(const Value& value, InstantStyle style) {
  absl::Time time;
  if (value.kind() == expression::Kind::kInstant || value.kind() == expression::Kind::kZoned ||
      value.kind() == expression::Kind::kDate) {
    time = value.AsTime();
  } else {
    ORCH_ASSIGN_OR_RETURN(time, ParseInstant(PrintText(value)));
  }
  return Value::String(InstantIso(time, style == InstantStyle::kInput));
}

absl::StatusOr<Value> ToDuration(const Value& value) {
  if (value.kind() == expression::Kind::kDuration) {
    return Value::Double(absl::ToDoubleSeconds(value.AsDuration()));
  }
  const std::string text = PrintText(value);
  const auto duration = ParseDuration(text);
  if (!duration)
    return Bad(absl::StrFormat("Text '%s' cannot be parsed to a Duration", text.substr(0, 200)));
  return Value::Double(absl::ToDoubleSeconds(*duration));
}

absl::StatusOr<Value> CoercePlain(const std::string& type, const std::string& item_type,
                                  const Value& value, InstantStyle style) {
  if (type == "STRING" || type == "SELECT" || type == "ENUM")
    return Value::String(PrintText(value));
  if (type == "INT") return ToInt(PrintText(value));
  if (type == "FLOAT") return ToFloat(PrintText(value));
  if (type == "BOOL" || type == "BOOLEAN") {
    if (value.is_bool()) return value;
    std::string text = PrintText(value);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return Value::Bool(text == "true");
  }
  if (type == "ARRAY" || type == "MULTISELECT") return ToList(item_type, value, style);
  if (type == "DATETIME") return ToInstant(value, style);
  if (type == "DATE") {
    const std::string text = PrintText(value);
    ORCH_ASSIGN_OR_RETURN([[maybe_unused]] const absl::CivilDay day, ParseDate(text));
    return Value::String(text);
  }
  if (type == "TIME") {
    ORCH_ASSIGN_OR_RETURN(const absl::Duration time, ParseTimeOfDay(PrintText(value)));
    return Value::String(TimeOfDayText(time));
  }
  if (type == "DURATION") return ToDuration(value);
  if (type == "JSON") return value.is_string() ? expression::ParseJson(value.AsString()) : value;
  if (type == "YAML") return value.is_string() ? ParseYaml(value.AsString()) : value;
  if (type == "FILE") return ToFile(PrintText(value));
  if (type == "URI") {
    const std::string text = PrintText(value);
    if (!IsUri(text)) return Bad("Invalid URI format.");
    return Value::String(text);
  }
  if (type == "EMAIL") {
    const std::string text = PrintText(value);
    if (!IsEmail(text)) return Bad("must be a valid email");
    return Value::String(text);
  }
  if (type == "SECRET") {
    return absl::UnimplementedError(
        "a SECRET needs an encrypted store, which this release does not have yet; nothing was "
        "kept");
  }
  return absl::UnimplementedError(
      absl::StrFormat("the type %s cannot be used by this release yet", type));
}

std::string Listed(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
  return "[" + text + "]";
}

// Whether a value lies before (-1), at (0) or after (1) a bound of a date, time or instant.
template <typename Parse>
std::optional<int> Compare(const Value& value, const Value& bound, Parse parse) {
  const auto a = parse(PrintText(value));
  const auto b = parse(PrintText(bound));
  if (!a.ok() || !b.ok()) return std::nullopt;
  return *a < *b ? -1 : *b < *a ? 1 : 0;
}

std::optional<int> CompareToBound(const std::string& type, const Value& value, const Value& bound) {
  if (type == "DATE")
    return Compare(value, bound, [](const std::string& t) { return ParseDate(t); });
  if (type == "TIME")
    return Compare(value, bound, [](const std::string& t) { return ParseTimeOfDay(t); });
  return Compare(value, bound, [](const std::string& t) { return ParseInstant(t); });
}

}  // namespace

absl::StatusOr<Value> Coerce(const std::string& type, const std::string& item_type,
                             const Value& value, InstantStyle style) {
  auto coerced = CoercePlain(type, item_type, value, style);
  if (!coerced.ok()) return coerced;
  return coerced->TaintedIf(value.tainted());
}

std::vector<std::string> Validate(const Input& input, const std::vector<std::string>& choices,
                                  const Value& value) {
  std::vector<std::string> errors;
  if (value.is_null()) return errors;
  if (!input.validator.empty()) {
    const auto pattern = expression::Regex::Compile(input.validator);
    const auto matches = pattern.ok() ? pattern->MatchesWhole(PrintText(value)) : pattern.status();
    if (!matches.ok()) {
      errors.push_back(std::string(matches.status().message()));
    } else if (!*matches) {
      errors.push_back(absl::StrFormat("it must match the pattern `%s`", input.validator));
    }
  }
  if ((input.type == "INT" || input.type == "FLOAT") && value.is_number()) {
    if (input.min.is_number() && value.AsDouble() < input.min.AsDouble()) {
      errors.push_back("it must be more than `" + PrintText(input.min) + "`");
    }
    if (input.max.is_number() && value.AsDouble() > input.max.AsDouble()) {
      errors.push_back("it must be less than `" + PrintText(input.max) + "`");
    }
  }
  if (input.type == "DURATION" && value.is_number()) {
    const absl::Duration duration = absl::Seconds(value.AsDouble());
    if (input.min.kind() == expression::Kind::kDuration && duration < input.min.AsDuration()) {
      errors.push_back("It must be more than `" + expression::DurationText(input.min.AsDuration()) +
                       "`");
    }
    if (input.max.kind() == expression::Kind::kDuration && duration > input.max.AsDuration()) {
      errors.push_back("It must be less than `" + expression::DurationText(input.max.AsDuration()) +
                       "`");
    }
  }
  if (!input.after.is_null() && CompareToBound(input.type, value, input.after).value_or(0) < 0) {
    errors.push_back("it must be after `" + PrintText(input.after) + "`");
  }
  if (!input.before.is_null() && CompareToBound(input.type, value, input.before).value_or(0) > 0) {
    errors.push_back("it must be before `" + PrintText(input.before) + "`");
  }
  const auto allowed = [&](const Value& choice) {
    return std::find(choices.begin(), choices.end(), PrintText(choice)) != choices.end();
  };
  const bool one = input.type == "SELECT" || input.type == "ENUM";
  if (one && input.required && !input.allow_custom_value && !allowed(value)) {
    errors.push_back("it must match the values `" + Listed(choices) + "`");
  }
  if (input.type == "MULTISELECT" && !input.allow_custom_value && value.is_list()) {
    for (const Value& item : value.items()) {
      if (allowed(item)) continue;
      errors.push_back(absl::StrFormat("value `%s` doesn't match the values `%s`", PrintText(item),
                                       Listed(choices)));
    }
  }
  return errors;
}

}  // namespace orch::flow
