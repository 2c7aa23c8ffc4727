#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "expression/crypto.h"
#include "expression/regex.h"
#include "expression/registry.h"
#include "expression/text.h"
#include "expression/text_tools.h"
#include "expression/utf16.h"

namespace orch::expression {
namespace {

using Args = const CallArguments&;

Failure NeedsText(std::string_view filter) {
  return EvalFailure("The '" + std::string(filter) + "' filter expects a string as input");
}
Failure NeedsArgument(std::string_view filter, std::string_view argument) {
  return EvalFailure("The '" + std::string(filter) + "' filter expects an argument '" +
                     std::string(argument) + "'");
}

Value Text(std::string text) { return Value::String(std::move(text)); }

Result<Value> Lower(const Value& input, Args, Evaluator&) { return Text(ToLower(JavaText(input))); }
Result<Value> Upper(const Value& input, Args, Evaluator&) { return Text(ToUpper(JavaText(input))); }

Result<Value> Capitalize(const Value& input, Args, Evaluator&) {
  if (!input.is_string()) return NeedsText("capitalize");
  const std::string& text = input.AsString();
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t c = NextCodePoint(text, &at);
    if (IsJavaWhitespace(c)) continue;
    std::string out = text.substr(0, start);
    AppendUtf8(&out, UpperOf(c));
    return Text(out + text.substr(at));
  }
  return input;
}

Result<Value> Title(const Value& input, Args, Evaluator&) {
  if (!input.is_string()) return NeedsText("title");
  const std::string& text = input.AsString();
  std::string out;
  bool first = true;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = NextCodePoint(text, &at);
    AppendUtf8(&out, first ? UpperOf(c) : c);
    first = IsJavaWhitespace(c);
  }
  return Text(std::move(out));
}

Result<Value> Trim(const Value& input, Args, Evaluator&) {
  if (!input.is_string()) return NeedsText("trim");
  std::string_view text = input.AsString();
  const auto blank = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return Text(std::string(text));
}

Result<Value> Abbreviate(const Value& input, Args arguments, Evaluator&) {
  if (!input.is_string()) return NeedsText("abbreviate");
  const Value* length = arguments.Get(0);
  if (length == nullptr || length->kind() != Kind::kI64) {
    return EvalFailure("The 'abbreviate' filter needs a whole number as its length (a literal)");
  }
  const int64_t n = length->AsInt();
  if (n < 0) return EvalFailure("Invalid argument to abbreviate filter; must be greater than zero");
  const std::u16string units = ToUtf16(input.AsString());
  const int64_t size = static_cast<int64_t>(units.size());
  if (size < n || size <= 3) return input;
  if (n <= 3) return Text(ToUtf8(std::u16string_view(units).substr(0, n)));
  return Text(ToUtf8(std::u16string_view(units).substr(0, n - 3)) + "...");
}

// Applies `change` to every leaf of lists and maps.
template <typename Change>
Result<Value> EachLeaf(const Value& value, const Change& change) {
  if (value.is_map()) {
    MapBuilder map(MapOrder::kJavaHash);
    for (const MapEntry& entry : value.entries()) {
      ASSIGN_OR_FAIL(Value changed, EachLeaf(entry.value, change));
      map.Set(entry.key, std::move(changed));
    }
    return map.Build();
  }
  if (value.is_sequence()) {
    std::vector<Value> items;
    for (const Value& item : value.items()) {
      ASSIGN_OR_FAIL(Value changed, EachLeaf(item, change));
      items.push_back(std::move(changed));
    }
    return Value::List(std::move(items));
  }
  if (value.is_null()) return EvalFailure("Null cannot be replaced in");
  ASSIGN_OR_FAIL(std::string text, change(JavaText(value)));
  return Text(std::move(text));
}

Result<Value> Replace(const Value& input, Args arguments, Evaluator& evaluator) {
  const Value* pairs = arguments.Get(0);
  if (!IsGiven(pairs)) return NeedsArgument("replace", "replace_pairs");
  if (!pairs->is_map()) return EvalFailure("The argument 'replace_pairs' must be a map");
  const Value regexp = arguments.Or(1, Value::Bool(false));
  if (!regexp.is_bool()) return EvalFailure("The argument 'regexp' must be a boolean");
  std::vector<std::pair<std::optional<Regex>, std::string>> compiled;
  for (const MapEntry& entry : pairs->entries()) {
    if (!regexp.AsBool()) continue;
    ASSIGN_OR_FAIL(Regex regex, CompilePattern(JavaText(entry.key), evaluator));
    compiled.emplace_back(std::move(regex), JavaText(entry.value));
  }
  return EachLeaf(input, [&](std::string text) -> Result<std::string> {
    for (const auto& [regex, replacement] : compiled) {
      ASSIGN_OR_FAIL_STATUS(text, regex->ReplaceAll(text, replacement));
    }
    if (!compiled.empty()) return text;
    for (const MapEntry& entry : pairs->entries()) {
      const std::string from = JavaText(entry.key);
      if (from.empty()) continue;
      ASSIGN_OR_FAIL(text, ReplaceLiteral(text, from, JavaText(entry.value), evaluator));
    }
    return text;
  });
}

Result<Value> Split(const Value& input, Args arguments, Evaluator& evaluator) {
  if (!input.is_string()) return NeedsText("split");
  if (!IsGiven(arguments.Get(0))) return NeedsArgument("split", "delimiter");
  const Value limit = arguments.Or(1, Value::Long(0));
  if (!limit.is_null() && !limit.is_integer())
    return EvalFailure("The limit of split must be a whole number");
  ASSIGN_OR_FAIL(const Regex regex, CompilePattern(JavaText(*arguments.Get(0)), evaluator));
  const int64_t bounded = limit.is_null() ? 0 : std::clamp<int64_t>(limit.AsInt(), -1, 1 << 30);
  ASSIGN_OR_FAIL_STATUS(std::vector<std::string> parts,
                        regex.Split(input.AsString(), static_cast<int>(bounded)));
  std::vector<Value> items;
  for (std::string& part : parts) items.push_back(Text(std::move(part)));
  return Value::Array(std::move(items));
}

Result<Value> StartsWith(const Value& input, Args arguments, Evaluator&) {
  if (input.is_null() || !IsGiven(arguments.Get(0)))
    return EvalFailure("startsWith needs two values");
  return Value::Bool(JavaText(input).starts_with(JavaText(*arguments.Get(0))));
}

Result<Value> EndsWith(const Value& input, Args arguments, Evaluator&) {
  if (input.is_null() || !IsGiven(arguments.Get(0)))
    return EvalFailure("endsWith needs two values");
  return Value::Bool(JavaText(input).ends_with(JavaText(*arguments.Get(0))));
}

enum class Side { kBefore, kBeforeLast, kAfter, kAfterLast };

template <Side side>
Result<Value> Substring(const Value& input, Args arguments, Evaluator&) {
  constexpr bool kBefore = side == Side::kBefore || side == Side::kBeforeLast;
  constexpr bool kLast = side == Side::kBeforeLast || side == Side::kAfterLast;
  const Value* argument = arguments.Get(0);
  if (argument == nullptr) return NeedsArgument("substring", "separator");
  const std::string text = JavaText(input);
  if (argument->is_null()) return Text(kBefore ? text : "");
  if (!argument->is_string()) return EvalFailure("The separator must be text");
  const std::string& separator = argument->AsString();
  if (separator.empty()) {
    const bool whole = side == Side::kAfter;
    return Text(whole ? text : "");
  }
  const size_t at = kLast ? text.rfind(separator) : text.find(separator);
  if (at == std::string::npos) return Text(kBefore ? text : "");
  return Text(kBefore ? text.substr(0, at) : text.substr(at + separator.size()));
}

// The letter under the accents of a Latin letter, as the canonical decomposition has it; 0 if the
// letter does not decompose.
char BaseLetter(char32_t c) {
  if (c < 0x80) return static_cast<char>(c);
  // U+00C0 to U+017F.
  static constexpr char kLetters[] =
      "AAAAAA\0CEEEEIIII\0NOOOOO\0\0UUUUY\0\0"
      "aaaaaa\0ceeeeiiii\0nooooo\0\0uuuuy\0y"
      "AaAaAaCcCcCcCcDd\0\0EeEeEeEeEeGgGg"
      "GgGgHh\0\0IiIiIiIiI\0\0\0JjKk\0LlLlLl\0"
      "\0\0\0NnNnNn\0\0\0OoOoOo\0\0RrRrRrSsSsSs"
      "SsTtTt\0\0UuUuUuUuUuUuWwYyYZzZzZz\0";
  return c >= 0xC0 && c <= 0x17F ? kLetters[c - 0xC0] : 0;
}

Result<Value> Slugify(const Value& input, Args, Evaluator&) {
  const std::string text = JavaText(input);
  std::string kept;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = NextCodePoint(text, &at);
    const char base = IsJavaWhitespace(c) ? '-' : BaseLetter(c);
    const bool word = (base >= 'a' && base <= 'z') || (base >= 'A' && base <= 'Z') ||
                      (base >= '0' && base <= '9') || base == '-' || base == '_';
    if (!word) continue;
    const char out = base == '_' ? '-' : base;
    if (out == '-' && !kept.empty() && kept.back() == '-') continue;
    kept.push_back(out);
  }
  std::string_view slug = kept;
  if (slug.starts_with('-')) slug.remove_prefix(1);
  if (slug.ends_with('-')) slug.remove_suffix(1);
  return Text(ToLower(slug));
}

Result<Value> EscapeChar(const Value& input, Args arguments, Evaluator& evaluator) {
  const Value* type = arguments.Get(0);
  if (!IsGiven(type)) return NeedsArgument("escapeChar", "type");
  const std::string name = ToLower(JavaText(*type));
  std::pair<std::string, std::string> pair;
  if (name == "single") {
    pair = {"'", "\\'"};
  } else if (name == "double") {
    pair = {"\"", "\\\""};
  } else if (name == "shell") {
    pair = {"'", "'\\''"};
  } else {
    return EvalFailure("The argument 'type' must be one of single, double, shell");
  }
  return EachLeaf(input, [&](const std::string& text) {
    return ReplaceLiteral(text, pair.first, pair.second, evaluator);
  });
}

Result<Value> UrlEncode(const Value& input, Args, Evaluator&) {
  if (!input.is_string()) return NeedsText("urlencode");
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char byte : input.AsString()) {
    const unsigned char c = static_cast<unsigned char>(byte);
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
        c == '-' || c == '*' || c == '_') {
      out.push_back(byte);
    } else if (c == ' ') {
      out.push_back('+');
    } else {
      out.push_back('%');
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    }
  }
  return Text(std::move(out));
}

Result<Value> UrlDecode(const Value& input, Args, Evaluator&) {
  if (!input.is_string()) return NeedsText("urldecode");
  const std::string& text = input.AsString();
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0) {
        return EvalFailure("The text holds an incomplete percent escape");
      }
      out.push_back(static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])));
      i += 2;
    }
  }
  // Bytes that are no UTF-8 become U+FFFD.
  return Text(ToUtf8(ToUtf16(out)));
}

Result<Value> Base64Encode(const Value& input, Args, Evaluator&) {
  return Text(Base64(JavaText(input)));
}

Result<Value> Base64Decode(const Value& input, Args, Evaluator&) {
  if (!input.is_string()) return NeedsText("base64decode");
  std::string bytes;
  if (!FromBase64(input.AsString(), &bytes)) return EvalFailure("The text is not base64");
  return Text(ToUtf8(ToUtf16(bytes)));
}

Result<Value> Hashed(std::string_view algorithm, const Value& input) {
  if (!input.is_string()) return NeedsText(algorithm);
  return Text(HexDigest(algorithm, input.AsString()));
}
Result<Value> Md5(const Value& input, Args, Evaluator&) { return Hashed("md5", input); }
Result<Value> Sha1(const Value& input, Args, Evaluator&) { return Hashed("sha1", input); }
Result<Value> Sha256(const Value& input, Args, Evaluator&) { return Hashed("sha256", input); }
Result<Value> Sha512(const Value& input, Args, Evaluator&) { return Hashed("sha512", input); }

Result<Value> Indented(const Value& input, Args arguments, Evaluator& evaluator,
                       bool newline_first) {
  const std::string name = newline_first ? "nindent" : "indent";
  const Value* amount = arguments.Get(0);
  if (!IsGiven(amount)) return NeedsArgument(name, "amount");
  if (!amount->is_integer())
    return EvalFailure("The amount of " + name + " must be a whole number");
  if (amount->AsInt() < 0) return EvalFailure("The amount of " + name + " must be >= 0");
  const std::string prefix = JavaText(arguments.Or(1, Text(" ")));
  const std::string text = JavaText(input);
  if (text.empty()) return Text("");
  const size_t at = text.find_first_of("\r\n");
  std::string line_break = "\n";
  if (text.find("\r\n") != std::string::npos) {
    line_break = "\r\n";
  } else if (text.find("\n\r") != std::string::npos) {
    line_break = "\n\r";
  } else if (at != std::string::npos && text.find('\n') == std::string::npos) {
    line_break = "\r";
  }
  const size_t times = static_cast<size_t>(amount->AsInt());
  if (!prefix.empty()) {
    ASSIGN_OR_FAIL([[maybe_unused]] const bool bounded, Fits(times, evaluator));
    ASSIGN_OR_FAIL([[maybe_unused]] const bool fits, Fits(times * prefix.size(), evaluator));
  }
  std::string indent;
  for (size_t i = 0; i < times && !prefix.empty(); ++i) indent += prefix;
  ASSIGN_OR_FAIL(std::string out, ReplaceLiteral(text, line_break, line_break + indent, evaluator));
  return Text(newline_first ? line_break + indent + out : std::move(out));
}
Result<Value> Indent(const Value& input, Args arguments, Evaluator& evaluator) {
  return Indented(input, arguments, evaluator, false);
}
Result<Value> Nindent(const Value& input, Args arguments, Evaluator& evaluator) {
  return Indented(input, arguments, evaluator, true);
}

Result<Value> Default(const Value& input, Args arguments, Evaluator&) {
  const bool blank =
      input.is_null() ||
      (input.is_string() &&
       input.AsString().find_first_not_of(" \t\r\n\f\v") == std::string::npos) ||
      ((input.is_list() || input.kind() == Kind::kSet || input.is_map()) && input.size() == 0) ||
      (input.is_view() && input.view().Empty());
  return blank ? arguments.Or(0) : input;
}

Result<Value> ClassName(const Value& input, Args, Evaluator&) {
  return Text(std::string(JavaClassName(input)));
}

Result<Value> Nl2br(const Value& input, Args, Evaluator& evaluator) {
  if (!input.is_string()) return NeedsText("nl2br");
  ASSIGN_OR_FAIL(std::string once, ReplaceLiteral(input.AsString(), "\r\n", "\n", evaluator));
  ASSIGN_OR_FAIL(std::string out, ReplaceLiteral(once, "\n", "<br />", evaluator));
  return Text(std::move(out));
}

Result<Regex> PatternOf(std::string_view filter, Args arguments, Evaluator& evaluator) {
  if (!IsGiven(arguments.Get(0))) return NeedsArgument(filter, "regex");
  return CompilePattern(JavaText(*arguments.Get(0)), evaluator);
}

Result<Value> RegexMatch(const Value& input, Args arguments, Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const Regex regex, PatternOf("regexMatch", arguments, evaluator));
  if (input.is_null()) return Value::Bool(false);
  ASSIGN_OR_FAIL_STATUS(const bool found, regex.Found(JavaText(input)));
  return Value::Bool(found);
}

Result<Value> RegexReplace(const Value& input, Args arguments, Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const Regex regex, PatternOf("regexReplace", arguments, evaluator));
  if (!IsGiven(arguments.Get(1))) return NeedsArgument("regexReplace", "replacement");
  if (input.is_null()) return Value::Null();
  ASSIGN_OR_FAIL_STATUS(std::string out,
                        regex.ReplaceAll(JavaText(input), JavaText(*arguments.Get(1))));
  return Text(std::move(out));
}

Result<Value> RegexExtract(const Value& input, Args arguments, Evaluator& evaluator) {
  ASSIGN_OR_FAIL(const Regex regex, PatternOf("regexExtract", arguments, evaluator));
  const Value group = arguments.Or(1, Value::Long(0));
  if (!group.is_integer()) return EvalFailure("The group of regexExtract must be a whole number");
  if (input.is_null()) return Value::Null();
  if (group.AsInt() < 0 || group.AsInt() > regex.group_count()) {
    return EvalFailure("There is no group " + std::to_string(group.AsInt()));
  }
  ASSIGN_OR_FAIL_STATUS(const std::optional<Regex::Match> match, regex.Find(JavaText(input)));
  if (!match || !match->groups[static_cast<size_t>(group.AsInt())]) return Value::Null();
  return Text(*match->groups[static_cast<size_t>(group.AsInt())]);
}

}  // namespace

std::span<const FilterSpec> TextFilters() {
  static const auto* const filters = new std::vector<FilterSpec>{
      {"lower", Parameters::Any(), true, Lower},
      {"upper", Parameters::Any(), true, Upper},
      {"capitalize", Parameters::Any(), true, Capitalize},
      {"title", Parameters::Any(), true, Title},
      {"trim", Parameters::Any(), true, Trim},
      {"abbreviate", Parameters::Of({"length"}), true, Abbreviate},
      {"replace", Parameters::Of({"replace_pairs", "regexp"}), true, Replace},
      {"split", Parameters::Of({"delimiter", "limit"}), true, Split},
      {"startsWith", Parameters::Of({"value"}), false, StartsWith},
      {"endsWith", Parameters::Of({"value"}), false, EndsWith},
      {"substringBefore", Parameters::Of({"separator"}), true, Substring<Side::kBefore>},
      {"substringBeforeLast", Parameters::Of({"separator"}), true, Substring<Side::kBeforeLast>},
      {"substringAfter", Parameters::Of({"separator"}), true, Substring<Side::kAfter>},
      {"substringAfterLast", Parameters::Of({"separator"}), true, Substring<Side::kAfterLast>},
      {"slugify", Parameters::Any(), true, Slugify},
      {"escapeChar", Parameters::Of({"type"}), true, EscapeChar},
      {"urlencode", Parameters::Any(), true, UrlEncode},
      {"urldecode", Parameters::Any(), true, UrlDecode},
      {"base64encode", Parameters::Any(), true, Base64Encode},
      {"base64decode", Parameters::Any(), true, Base64Decode},
      {"md5", Parameters::Any(), true, Md5},
      {"sha1", Parameters::Any(), true, Sha1},
      {"sha256", Parameters::Any(), true, Sha256},
      {"sha512", Parameters::Any(), true, Sha512},
      {"indent", Parameters::Of({"amount", "prefix"}), true, Indent},
      {"nindent", Parameters::Of({"amount", "prefix"}), true, Nindent},
      {"default", Parameters::Of({"default"}), false, Default},
      {"className", Parameters::Any(), true, ClassName},
      {"nl2br", Parameters::Any(), true, Nl2br},
      {"regexMatch", Parameters::Of({"regex"}), false, RegexMatch},
      {"regexReplace", Parameters::Of({"regex", "replacement"}), false, RegexReplace},
      {"regexExtract", Parameters::Of({"regex", "group"}), false, RegexExtract},
  };
  return *filters;
}

}  // namespace orch::expression
