#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "expression/decimal.h"
#include "expression/registry.h"
#include "expression/text.h"
#include "expression/text_tools.h"

namespace orch::expression {
namespace {

using Args = const CallArguments&;

Result<Value> Abs(const Value& input, Args, Evaluator&) {
  switch (input.kind()) {
    case Kind::kI32: {
      const int32_t value = static_cast<int32_t>(input.AsInt());
      return Value::Int(value == std::numeric_limits<int32_t>::min() ? value : std::abs(value));
    }
    case Kind::kI64: {
      const int64_t value = input.AsInt();
      return Value::Long(value == std::numeric_limits<int64_t>::min() ? value : std::abs(value));
    }
    case Kind::kF32: return Value::Float(std::fabs(static_cast<float>(input.AsDouble())));
    case Kind::kF64: return Value::Double(std::fabs(input.AsDouble()));
    case Kind::kBigInt: return Value::BigInt(DecimalAbs(input.AsString()));
    case Kind::kBigDecimal: return Value::BigDecimal(DecimalAbs(input.AsString()));
    default: return EvalFailure("The 'abs' filter expects a number as input");
  }
}

// A pattern of DecimalFormat.
struct NumberPattern {
  std::string prefix, suffix, negative_prefix, negative_suffix;
  bool has_negative = false;
  int whole_min = 0;
  int whole_count = 0;  // '0' and '#' before the point
  int fraction_min = 0;
  int fraction_max = 0;
  int grouping = 0;
  int exponent_min = 0;  // > 0: scientific
  double multiplier = 1;
};

// Reads prefix, digits and suffix; false for a pattern that makes no sense.
bool ReadPart(std::string_view text, NumberPattern& pattern, std::string& prefix,
              std::string& suffix) {
  enum { kPrefix, kWhole, kFraction, kExponent, kSuffix } phase = kPrefix;
  bool quoted = false;
  int since_comma = -1;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    std::string& affix = phase == kPrefix ? prefix : suffix;
    if (c == '\'') {
      if (i + 1 < text.size() && text[i + 1] == '\'') {
        affix.push_back('\'');
        ++i;
      } else {
        quoted = !quoted;
      }
      continue;
    }
    const bool digit = !quoted && (c == '#' || c == '0' || c == ',' || c == '.');
    if (digit && phase == kSuffix) return false;
    if (digit) {
      if (phase == kPrefix) phase = kWhole;
      if (c == '.') {
        if (phase != kWhole) return false;
        phase = kFraction;
      } else if (c == ',') {
        if (phase != kWhole) return false;
        since_comma = 0;
      } else if (phase == kWhole) {
        ++pattern.whole_count;
        if (since_comma >= 0) ++since_comma;
        if (c == '0') {
          ++pattern.whole_min;
        } else if (pattern.whole_min > 0) {
          return false;
        }
      } else {
        ++pattern.fraction_max;
        if (c == '0') {
          if (pattern.fraction_max != pattern.fraction_min + 1) return false;
          ++pattern.fraction_min;
        }
      }
      continue;
    }
    if (!quoted && c == 'E' && (phase == kWhole || phase == kFraction)) {
      while (i + 1 < text.size() && text[i + 1] == '0') ++pattern.exponent_min, ++i;
      if (pattern.exponent_min == 0) return false;
      phase = kSuffix;
      continue;
    }
    if (phase != kPrefix) phase = kSuffix;
    std::string& to = phase == kPrefix ? prefix : suffix;
    if (!quoted && c == '%') pattern.multiplier = 100;
    if (!quoted && text.substr(i, 3) == "\xE2\x80\xB0") pattern.multiplier = 1000;
    to.push_back(c);
  }
  if (since_comma > 0) pattern.grouping = since_comma;
  if (pattern.whole_count == 0 && pattern.fraction_max == 0) return false;
  return !quoted && since_comma != 0;
}

std::optional<NumberPattern> ReadNumberPattern(std::string_view text) {
  NumberPattern pattern;
  bool quoted = false;
  size_t semicolon = text.size();
  for (size_t i = 0; i < text.size() && semicolon == text.size(); ++i) {
    if (text[i] == '\'') quoted = !quoted;
    if (text[i] == ';' && !quoted) semicolon = i;
  }
  if (!ReadPart(text.substr(0, semicolon), pattern, pattern.prefix, pattern.suffix)) {
    return std::nullopt;
  }
  if (semicolon < text.size()) {
    NumberPattern ignored;
    pattern.has_negative = true;
    if (!ReadPart(text.substr(semicolon + 1), ignored, pattern.negative_prefix,
                  pattern.negative_suffix)) {
      return std::nullopt;
    }
  }
  if (pattern.fraction_max > 340 || pattern.whole_min > 340) return std::nullopt;
  return pattern;
}

std::string Grouped(std::string whole, int size) {
  if (size <= 0) return whole;
  for (int at = static_cast<int>(whole.size()) - size; at > 0; at -= size) {
    whole.insert(static_cast<size_t>(at), ",");
  }
  return whole;
}

// The digits of a magnitude with a fixed fraction, half even on what the number exactly is.
std::string Fixed(const Value& number, const NumberPattern& pattern) {
  if (number.is_integer() && pattern.multiplier == 1) {
    const int64_t value = number.AsInt();
    const uint64_t magnitude =
        value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    return absl::StrFormat("%u", magnitude) +
           (pattern.fraction_max > 0
                ? "." + std::string(static_cast<size_t>(pattern.fraction_max), '0')
                : "");
  }
  return absl::StrFormat("%.*f", pattern.fraction_max,
                         std::fabs(number.AsDouble() * pattern.multiplier));
}

std::string FormatNumber(const Value& number, const NumberPattern& pattern) {
  const double value = number.AsDouble();
  if (std::isnan(value)) return "NaN";
  std::string body;
  if (std::isinf(value)) {
    body = "\xE2\x88\x9E";
  } else if (pattern.exponent_min > 0) {
    const double magnitude = std::fabs(value * pattern.multiplier);
    int exponent = magnitude == 0 ? 0 : static_cast<int>(std::floor(std::log10(magnitude)));
    const int whole = std::max(1, pattern.whole_min);
    exponent -= whole - 1;
    if (pattern.whole_count > pattern.whole_min && pattern.whole_count > 1) {
      const int step = pattern.whole_count;
      const int full = magnitude == 0 ? 0 : static_cast<int>(std::floor(std::log10(magnitude)));
      exponent = static_cast<int>(std::floor(static_cast<double>(full) / step)) * step;
    }
    body = absl::StrFormat("%.*f", pattern.fraction_max, magnitude / std::pow(10.0, exponent));
    while (body.find('.') != std::string::npos && body.back() == '0' &&
           static_cast<int>(body.size() - body.find('.') - 1) > pattern.fraction_min) {
      body.pop_back();
    }
    if (body.back() == '.') body.pop_back();
    body += absl::StrFormat("E%s%0*d", exponent < 0 ? "-" : "", pattern.exponent_min,
                            std::abs(exponent));
  } else {
    std::string digits = Fixed(number, pattern);
    std::string fraction;
    if (const size_t point = digits.find('.'); point != std::string::npos) {
      fraction = digits.substr(point + 1);
      digits.resize(point);
    }
    while (static_cast<int>(fraction.size()) > pattern.fraction_min && fraction.back() == '0') {
      fraction.pop_back();
    }
    if (digits == "0" && pattern.whole_min == 0 && !fraction.empty()) digits.clear();
    if (static_cast<int>(digits.size()) < pattern.whole_min) {
      digits.insert(0, static_cast<size_t>(pattern.whole_min) - digits.size(), '0');
    }
    body = Grouped(std::move(digits), pattern.grouping);
    if (!fraction.empty()) body += "." + fraction;
  }
  if (!std::signbit(value) || value == 0) return pattern.prefix + body + pattern.suffix;
  if (pattern.has_negative) return pattern.negative_prefix + body + pattern.negative_suffix;
  return "-" + pattern.prefix + body + pattern.suffix;
}

Result<Value> NumberFormat(const Value& input, Args arguments, Evaluator&) {
  if (!input.is_number()) return EvalFailure("The 'numberFormat' filter expects a number as input");
  const Value* format = arguments.Get(0);
  if (IsGiven(format) && !format->is_string()) return EvalFailure("The format must be text");
  const auto pattern = ReadNumberPattern(IsGiven(format) ? format->AsString() : "#,##0.###");
  if (!pattern) return EvalFailure("Malformed number pattern '" + format->AsString() + "'");
  return Value::String(FormatNumber(input, *pattern));
}

bool IsDecimalText(std::string_view text) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - from;
  };
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  size_t count = digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    count += digits();
  }
  if (count == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const size_t exponent = digits();
    if (exponent == 0 || exponent > 4) return false;
  }
  return at == text.size();
}

std::string WithoutPlus(std::string_view text) {
  return std::string(text.starts_with('+') ? text.substr(1) : text);
}

// Integer.decode: decimal, 0x or # hex, leading-0 octal. Beyond 64 bits, decimal digits only.
std::optional<Value> DecodeInteger(std::string_view text) {
  const bool negative = text.starts_with('-');
  std::string_view digits = text;
  if (negative || text.starts_with('+')) digits.remove_prefix(1);
  int radix = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.remove_prefix(2);
    radix = 16;
  } else if (digits.starts_with('#')) {
    digits.remove_prefix(1);
    radix = 16;
  } else if (digits.size() > 1 && digits[0] == '0') {
    digits.remove_prefix(1);
    radix = 8;
  }
  if (digits.empty()) return std::nullopt;
  const std::string signed_digits = (negative ? "-" : "") + std::string(digits);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(
      signed_digits.data(), signed_digits.data() + signed_digits.size(), value, radix);
  if (end != signed_digits.data() + signed_digits.size()) return std::nullopt;
  if (error == std::errc()) return Value::Integer(value);
  if (radix != 10) return std::nullopt;
  return Value::BigInt(signed_digits);
}

std::optional<Value> GuessNumber(std::string text) {
  if (text.empty()) return std::nullopt;
  const char last = text.back();
  const bool hex = text.find("0x") != std::string::npos || text.find("0X") != std::string::npos ||
                   text.find('#') != std::string::npos;
  if (!hex && std::string_view("lLfFdD").find(last) != std::string_view::npos) {
    text.pop_back();
    if (last == 'l' || last == 'L') {
      auto whole = DecodeInteger(text);
      if (!whole || whole->kind() == Kind::kBigInt) return whole;
      return Value::Long(whole->AsInt());
    }
    if (!IsDecimalText(text)) return std::nullopt;
    const double number = DecimalToDouble(text);
    return last == 'f' || last == 'F' ? Value::Float(static_cast<float>(number))
                                      : Value::Double(number);
  }
  if (hex || text.find_first_of(".eE") == std::string::npos) return DecodeInteger(text);
  if (!IsDecimalText(text)) return std::nullopt;
  const double number = DecimalToDouble(text);
  const float small = static_cast<float>(number);
  const bool zero = text.find_first_of("123456789") == std::string::npos;
  if (std::isfinite(small) && (small != 0 || zero) && FloatText(small) == DoubleText(number)) {
    return Value::Float(small);
  }
  const std::string exact = WithoutPlus(text);
  if (std::isfinite(number) && (number != 0 || zero) && DecimalSame(DoubleText(number), exact)) {
    return Value::Double(number);
  }
  return Value::BigDecimal(exact);
}

Result<Value> Number(const Value& input, Args arguments, Evaluator&) {
  if (!input.is_string()) return EvalFailure("The 'number' filter expects a string as input");
  const std::string& text = input.AsString();
  const std::string type = IsGiven(arguments.Get(0)) ? JavaText(*arguments.Get(0)) : "";
  std::optional<Value> number;
  if (type == "INT" || type == "LONG") {
    number = DecodeInteger(text);
    if (number && number->kind() == Kind::kBigInt) number.reset();
    if (number && type == "INT" && number->kind() != Kind::kI32) number.reset();
    if (number && type == "LONG") number = Value::Long(number->AsInt());
  } else if (type == "FLOAT" || type == "DOUBLE") {
    if (IsDecimalText(text)) {
      const double value = DecimalToDouble(text);
      number = type == "FLOAT" ? Value::Float(static_cast<float>(value)) : Value::Double(value);
    }
  } else if (type == "BIGDECIMAL") {
    if (IsDecimalText(text)) number = Value::BigDecimal(WithoutPlus(text));
  } else if (type == "BIGINTEGER") {
    if (IsDecimalText(text) && text.find_first_of(".eE") == std::string::npos) {
      number = Value::BigInt(WithoutPlus(text));
    }
  } else {
    number = GuessNumber(text);
  }
  if (!number) return EvalFailure("'" + text + "' is not a number");
  return *std::move(number);
}

Result<Value> String(const Value& input, Args, Evaluator&) {
  if (input.is_number()) return Value::String(JavaText(input));
  if (input.is_string() && IsDecimalText(input.AsString())) {
    return Value::String(DecimalPlain(WithoutPlus(input.AsString())));
  }
  return EvalFailure("The 'string' filter expects a number or the text of one as input");
}

}  // namespace

std::span<const FilterSpec> NumberFilters() {
  static const auto* const filters = new std::vector<FilterSpec>{
      {"abs", Parameters::Any(), false, Abs},
      {"numberFormat", Parameters::Of({"format"}), true, NumberFormat},
      {"number", Parameters::Of({"type"}), true, Number},
      {"string", Parameters::Any(), true, String},
  };
  return *filters;
}

}  // namespace orch::expression
