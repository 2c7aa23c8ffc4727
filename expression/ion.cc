#include "expression/ion.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "expression/date_format.h"
#include "expression/errors.h"
#include "expression/text.h"
#include "expression/text_tools.h"
#include "expression/utf16.h"

namespace orch::expression {
namespace {

constexpr int kDepthMax = 64;
constexpr size_t kBytesMax = 64 * 1024 * 1024;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}
bool IsName(char c) { return IsNameStart(c) || IsDigit(c); }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<Value>> Run(bool all) {
    std::vector<Value> values;
    for (Skip(); at_ < text_.size(); Skip()) {
      ORCH_ASSIGN_OR_RETURN(Value value, Read(0));
      values.push_back(std::move(value));
      if (!all) break;
    }
    return values;
  }

 private:
  absl::Status Fault(std::string_view what) const { return NotIon(at_, what); }
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool Accept(char c) {
    if (Peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  // Blanks and comments.
  void Skip() {
    while (at_ < text_.size()) {
      if (std::string_view(" \t\r\n\f\v").find(text_[at_]) != std::string_view::npos) {
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        const size_t end = text_.find("*/", at_ + 2);
        at_ = end == std::string_view::npos ? text_.size() : end + 2;
      } else {
        return;
      }
    }
  }

  absl::StatusOr<Value> Read(int depth) {
    if (depth > kDepthMax) return absl::ResourceExhaustedError("Invalid ion: too deep");
    while (true) {
      Skip();
      const char c = Peek();
      if (at_ >= text_.size()) return Fault("the text ends early");
      if (c == '{' && Peek(1) == '{') return ReadLob();
      if (c == '{') return ReadStruct(depth);
      if (c == '[') return ReadSequence(depth, ']', true);
      if (c == '(') return ReadSequence(depth, ')', false);
      if (c == '"') return ReadQuoted('"');
      if (text_.substr(at_, 3) == "'''") return ReadLongString();
      if (IsDigit(c) ||
          ((c == '-' || c == '+') && (IsDigit(Peek(1)) || text_.substr(at_ + 1, 3) == "inf"))) {
        return ReadNumber();
      }
      if (c != '\'' && !IsNameStart(c)) return Fault("an unexpected character");
      const bool quoted = c == '\'';
      Value symbol;
      if (quoted) {
        ORCH_ASSIGN_OR_RETURN(symbol, ReadQuoted('\''));
      } else {
        symbol = Value::String(std::string(ReadName()));
      }
      Skip();
      if (text_.substr(at_, 2) == "::") {  // An annotation.
        at_ += 2;
        continue;
      }
      return quoted ? absl::StatusOr<Value>(symbol) : Word(symbol);
    }
  }

  std::string_view ReadName() {
    const size_t from = at_;
    while (at_ < text_.size() && IsName(text_[at_])) ++at_;
    return text_.substr(from, at_ - from);
  }

  absl::StatusOr<Value> Word(const Value& symbol) {
    const std::string& word = symbol.AsString();
    if (word == "true") return Value::Bool(true);
    if (word == "false") return Value::Bool(false);
    if (word == "nan") return Value::Double(std::numeric_limits<double>::quiet_NaN());
    if (word != "null") return symbol;
    if (Peek() == '.') {  // null.int, …
      ++at_;
      ReadName();
    }
    return Value::Null();
  }

  absl::StatusOr<Value> ReadSequence(int depth, char close, bool commas) {
    ++at_;
    std::vector<Value> items;
    for (Skip(); !Accept(close); Skip()) {
      if (!items.empty() && commas && !Accept(',')) return Fault("a comma is missing");
      Skip();
      if (commas && !items.empty() && Accept(close)) break;
      ORCH_ASSIGN_OR_RETURN(Value item, Read(depth + 1));
      items.push_back(std::move(item));
    }
    return Value::List(std::move(items));
  }

  absl::StatusOr<Value> ReadStruct(int depth) {
    ++at_;
    MapBuilder map;
    for (Skip(); !Accept('}'); Skip()) {
      if (map.size() > 0 && !Accept(',')) return Fault("a comma is missing");
      Skip();
      if (map.size() > 0 && Accept('}')) break;
      std::string name;
      if (text_.substr(at_, 3) == "'''") {
        ORCH_ASSIGN_OR_RETURN(const Value text, ReadLongString());
        name = text.AsString();
      } else if (Peek() == '"' || Peek() == '\'') {
        ORCH_ASSIGN_OR_RETURN(const Value text, ReadQuoted(Peek()));
        name = text.AsString();
      } else if (IsNameStart(Peek())) {
        name = std::string(ReadName());
      } else {
        return Fault("a field name is missing");
      }
      Skip();
      if (!Accept(':')) return Fault("a colon is missing");
      ORCH_ASSIGN_OR_RETURN(Value value, Read(depth + 1));
      map.Set(name, std::move(value));
    }
    return map.Build();
  }

  absl::Status ReadEscape(std::string* out) {
    const char c = Peek();
    ++at_;
    const auto hex = [&](size_t digits) -> absl::Status {
      uint32_t code = 0;
      const std::string_view part = text_.substr(at_, digits);
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), code, 16);
      if (part.size() != digits || end != part.data() + digits || code > 0x10FFFF) {
        return Fault("a bad escape");
      }
      at_ += digits;
      if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
        uint32_t low = 0;
        std::from_chars(text_.data() + at_ + 2, text_.data() + std::min(at_ + 6, text_.size()), low,
                        16);
        if (low >= 0xDC00 && low <= 0xDFFF) {
          code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
          at_ += 6;
        }
      }
      AppendUtf8(out, code);
      return absl::OkStatus();
    };
    switch (c) {
      case 'n': out->push_back('\n'); return absl::OkStatus();
      case 't': out->push_back('\t'); return absl::OkStatus();
      case 'r': out->push_back('\r'); return absl::OkStatus();
      case 'b': out->push_back('\b'); return absl::OkStatus();
      case 'f': out->push_back('\f'); return absl::OkStatus();
      case 'v': out->push_back('\v'); return absl::OkStatus();
      case 'a': out->push_back('\a'); return absl::OkStatus();
      case '0': out->push_back('\0'); return absl::OkStatus();
      case '\n': return absl::OkStatus();
      case 'x': return hex(2);
      case 'u': return hex(4);
      case 'U': return hex(8);
      case '"':
      case '\'':
      case '\\':
      case '/':
      case '?': out->push_back(c); return absl::OkStatus();
      default: return Fault("a bad escape");
    }
  }

  absl::StatusOr<Value> ReadQuoted(char quote) {
    ++at_;
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote) {
      const char c = text_[at_++];
      if (c != '\\') {
        out.push_back(c);
      } else {
        ORCH_RETURN_IF_ERROR(ReadEscape(&out));
      }
    }
    if (!Accept(quote)) return Fault("a quote is open");
    return Value::String(std::move(out));
  }

  absl::StatusOr<Value> ReadLongString() {
    std::string out;
    for (Skip(); text_.substr(at_, 3) == "'''"; Skip()) {
      at_ += 3;
      while (at_ < text_.size() && text_.substr(at_, 3) != "'''") {
        const char c = text_[at_++];
        if (c != '\\') {
          out.push_back(c);
        } else {
          ORCH_RETURN_IF_ERROR(ReadEscape(&out));
        }
      }
      if (text_.substr(at_, 3) != "'''") return Fault("a quote is open");
      at_ += 3;
    }
    return Value::String(std::move(out));
  }

  // Bytes, kept as their base64 text.
  absl::StatusOr<Value> ReadLob() {
    at_ += 2;
    Skip();
    if (Peek() == '"' || Peek() == '\'') {
      ORCH_ASSIGN_OR_RETURN(const Value text, Peek() == '"' ? ReadQuoted('"') : ReadLongString());
      Skip();
      if (text_.substr(at_, 2) != "}}") return Fault("a clob is open");
      at_ += 2;
      return text;
    }
    const size_t end = text_.find("}}", at_);
    if (end == std::string_view::npos) return Fault("a blob is open");
    std::string digits;
    for (const char c : text_.substr(at_, end - at_)) {
      if (static_cast<unsigned char>(c) > ' ') digits.push_back(c);
    }
    std::string bytes;
    if (!FromBase64(digits, &bytes)) return Fault("a blob is not base64");
    at_ = end + 2;
    return Value::String(std::move(digits));
  }

  absl::StatusOr<Value> ReadNumber() {
    const size_t from = at_;
    while (at_ < text_.size() && (IsName(text_[at_]) || text_[at_] == '.' || text_[at_] == '-' ||
                                  text_[at_] == '+' || text_[at_] == ':')) {
      ++at_;
    }
    std::string token(text_.substr(from, at_ - from));
    if (token == "+inf" || token == "-inf")
      return Value::Double(token[0] == '-' ? -HUGE_VAL : HUGE_VAL);
    const bool date = token.size() >= 5 && IsDigit(token[0]) && IsDigit(token[1]) &&
                      IsDigit(token[2]) && IsDigit(token[3]) &&
                      (token[4] == '-' || token[4] == 'T');
    if (date) return ReadTimestamp(token);
    std::erase(token, '_');
    const size_t sign = token[0] == '-' || token[0] == '+' ? 1 : 0;
    if (token[0] == '+') token.erase(0, 1);
    if (token.size() > sign + 2 && token[sign] == '0' &&
        (token[sign + 1] == 'x' || token[sign + 1] == 'b')) {
      int64_t value = 0;
      const int radix = token[sign + 1] == 'x' ? 16 : 2;
      const char* begin = token.data() + sign + 2;
      const char* end = token.data() + token.size();
      if (std::from_chars(begin, end, value, radix).ptr != end) return Fault("a bad number");
      return Value::Integer(token[0] == '-' ? -value : value);
    }
    int64_t whole = 0;
    const char* end = token.data() + token.size();
    const auto [whole_end, error] = std::from_chars(token.data(), end, whole);
    if (whole_end == end) {
      return error == std::errc() ? Value::Integer(whole) : Value::BigInt(token);
    }
    const bool decimal = token.find_first_of("eE") == std::string::npos;
    if (!decimal || token.find_first_of("dD") == std::string::npos) {
      if (token.find_first_not_of("0123456789.eE+-") != std::string::npos)
        return Fault("a bad number");
      return Value::Double(std::strtod(token.c_str(), nullptr));
    }
    for (char& c : token) {
      if (c == 'd' || c == 'D') c = 'E';
    }
    if (token.find_first_not_of("0123456789.E+-") != std::string::npos)
      return Fault("a bad number");
    return Value::Double(std::strtod(token.c_str(), nullptr));
  }

  absl::StatusOr<Value> ReadTimestamp(std::string token) {
    if (token.back() == 'T') token.pop_back();
    if (token.size() == 4) token += "-01-01";
    if (token.size() == 7) token += "-01";
    if (const auto day = ReadIsoDate(token)) return Value::Date(*day);
    const bool unknown_offset = token.ends_with("-00:00");
    if (unknown_offset) token.replace(token.size() - 6, 6, "Z");
    const auto zoned = ReadIsoZoned(token);
    if (!zoned) return Fault("a bad timestamp");
    if (zoned->zone != "Z") return Value::Zoned(*zoned);
    const LocalDateTime local = LocalAt(zoned->time, absl::UTCTimeZone());
    const bool midnight = local.nanosecond == 0 && local.second.hour() == 0 &&
                          local.second.minute() == 0 && local.second.second() == 0;
    return midnight ? Value::Date(absl::CivilDay(local.second)) : Value::Instant(zoned->time);
  }

  std::string_view text_;
  size_t at_ = 0;
};

std::string Quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += absl::StrFormat("\\x%02x", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
  out.push_back(quote);
  return out;
}

std::string FieldName(const std::string& name) {
  const bool plain = !name.empty() && IsNameStart(name[0]) && name[0] != '$' &&
                     std::all_of(name.begin(), name.end(), IsName) && name != "null" &&
                     name != "true" && name != "false" && name != "nan";
  return plain ? name : Quoted(name, '\'');
}

std::string DoubleIon(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "+inf" : "-inf";
  std::string text = DoubleText(value);
  const size_t exponent = text.find('E');
  if (exponent == std::string::npos) return text + "e0";
  text[exponent] = 'e';
  return text;
}

// Depth is bounded by that of the value.
void Write(const Value& value, std::string* out) {
  switch (value.kind()) {
    case Kind::kNull: *out += "null"; return;
    case Kind::kF32:
    case Kind::kF64: *out += DoubleIon(value.AsDouble()); return;
    case Kind::kBool:
    case Kind::kI32:
    case Kind::kI64:
    case Kind::kBigInt:
    case Kind::kBigDecimal: *out += JavaText(value); return;
    case Kind::kMap: {
      out->push_back('{');
      bool first = true;
      for (const MapEntry& entry : value.entries()) {
        if (!first) out->push_back(',');
        first = false;
        *out += FieldName(JavaText(entry.key)) + ":";
        Write(entry.value, out);
      }
      out->push_back('}');
      return;
    }
    case Kind::kList:
    case Kind::kSet:
    case Kind::kArray: {
      out->push_back('[');
      bool first = true;
      for (const Value& item : value.items()) {
        if (!first) out->push_back(',');
        first = false;
        Write(item, out);
      }
      out->push_back(']');
      return;
    }
    case Kind::kEntry:
      *out += "{" + FieldName(JavaText(value.entry_key())) + ":";
      Write(value.entry_value(), out);
      out->push_back('}');
      return;
    case Kind::kInstant:
    case Kind::kDate: *out += InstantText(value.AsTime()); return;
    case Kind::kZoned: *out += "ZonedDateTime::" + Quoted(JavaText(value), '"'); return;
    case Kind::kLocalDateTime: *out += "LocalDateTime::" + Quoted(JavaText(value), '"'); return;
    case Kind::kLocalDate: *out += "LocalDate::" + Quoted(JavaText(value), '"'); return;
    case Kind::kDuration: *out += DurationSeconds(value.AsDuration()); return;
    default: *out += Quoted(JavaText(value), '"');
  }
}

}  // namespace

absl::StatusOr<std::vector<Value>> ReadIon(std::string_view text, bool all) {
  if (text.size() > kBytesMax) return absl::ResourceExhaustedError("Invalid ion: too large");
  return Reader(text).Run(all);
}

std::string WriteIon(const Value& value) {
  std::string out;
  Write(value, &out);
  return out;
}

}  // namespace orch::expression
