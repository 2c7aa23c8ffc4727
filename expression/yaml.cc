#include "expression/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "expression/errors.h"
#include "expression/text.h"

namespace orch::expression {
namespace {

constexpr size_t kDepthMax = 64;
constexpr size_t kWeightMax = 16 * 1024 * 1024;
constexpr size_t kBytesMax = 16 * 1024 * 1024;

bool AnyOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// What an unquoted scalar is.
Value Plain(const std::string& text) {
  if (text.empty() || AnyOf(text, {"~", "null", "Null", "NULL"})) return Value::Null();
  if (AnyOf(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) {
    return Value::Bool(true);
  }
  if (AnyOf(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})) {
    return Value::Bool(false);
  }
  const size_t sign = text[0] == '-' || text[0] == '+' ? 1 : 0;
  const bool digits = text.size() > sign && text[sign] >= '0' && text[sign] <= '9';
  if (!digits) {
    if (AnyOf(text, {".inf", ".Inf", "+.inf"})) return Value::Double(HUGE_VAL);
    if (AnyOf(text, {"-.inf", "-.Inf"})) return Value::Double(-HUGE_VAL);
    return Value::String(text);
  }
  const char* begin = text.data() + (text[0] == '+' ? 1 : 0);
  const char* end = text.data() + text.size();
  const bool octal = text.size() > sign + 1 && text[sign] == '0' &&
                     text.find_first_not_of("01234567", sign) == std::string::npos;
  int64_t whole = 0;
  const auto [whole_end, whole_error] = std::from_chars(begin, end, whole, octal ? 8 : 10);
  if (whole_end == end) {
    return whole_error == std::errc() ? Value::Integer(whole)
                                      : Value::BigInt(std::string(begin, end));
  }
  double number = 0;
  const auto [number_end, number_error] = std::from_chars(begin, end, number);
  if (number_end == end && number_error == std::errc()) return Value::Double(number);
  return Value::String(text);
}

// Thrown through yaml-cpp, which has no other way to stop; ends in ReadYaml.
struct Stop {
  absl::Status status;
};

class Builder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Put(Value::Null(), anchor, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Stop{NotYaml(mark.line + 1, "an alias leads to itself")};
    Put(found->second, 0, mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const bool plain = tag == "?" || tag.empty();
    Put(plain ? Plain(text) : Value::String(text), anchor, mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(false, anchor, mark);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(true, anchor, mark);
  }
  void OnMapEnd() override { Close(); }

  Value Take() { return std::move(root_); }

 private:
  struct Level {
    bool map = false;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    std::optional<Value> key;
    MapBuilder members;
    std::vector<Value> items;
  };

  void Open(bool map, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (levels_.size() >= kDepthMax)
      throw Stop{absl::ResourceExhaustedError("Invalid yaml: too deep")};
    levels_.emplace_back();
    levels_.back().map = map;
    levels_.back().anchor = anchor;
    levels_.back().mark = mark;
  }
  void Close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    Put(level.map ? level.members.Build() : Value::List(std::move(level.items)), level.anchor,
        level.mark);
  }
  void Put(Value value, YAML::anchor_t anchor, const YAML::Mark&) {
    weight_ += value.weight();
    if (value.weight() > kWeightMax || weight_ > 8 * kWeightMax ||
        value.depth() > static_cast<int>(kDepthMax)) {
      throw Stop{absl::ResourceExhaustedError("Invalid yaml: too large")};
    }
    if (anchor != 0) anchors_[anchor] = value;
    if (levels_.empty()) {
      root_ = std::move(value);
    } else if (!levels_.back().map) {
      levels_.back().items.push_back(std::move(value));
    } else if (!levels_.back().key) {
      levels_.back().key = value.is_string() ? value : Value::String(JavaText(value));
    } else {
      levels_.back().members.Set(*std::exchange(levels_.back().key, std::nullopt),
                                 std::move(value));
    }
  }

  std::vector<Level> levels_;
  std::map<YAML::anchor_t, Value> anchors_;
  size_t weight_ = 0;
  Value root_;
};

// Writing ------------------------------------------------------------------------

bool Reserved(std::string_view text) {
  return AnyOf(text, {"false", "False", "FALSE", "n",  "N",   "no",  "No",  "NO",  "null",
                      "Null",  "NULL",  "on",    "On", "ON",  "off", "Off", "OFF", "true",
                      "True",  "TRUE",  "y",     "Y",  "yes", "Yes", "YES", "~"});
}

bool Blank(char c) { return c == ' ' || c == '\t'; }

bool HoldsSyntax(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '[':
      case ']':
      case '{':
      case '}':
      case ',': return true;
      case '#':
        if (i == 0 || Blank(text[i - 1])) return true;
        break;
      case ':':
        if (i + 1 == text.size() || Blank(text[i + 1])) return true;
        break;
      default: break;
    }
  }
  return false;
}

bool LooksLikeNumber(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text[0] >= '0' && text[0] <= '9' &&
         text.find_first_not_of("0123456789._eE+-xX") == std::string_view::npos;
}

std::string DoubleQuoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: out.push_back(c);
    }
  }
  return out + "\"";
}

std::string SingleQuoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out.push_back('\'');
    out.push_back(c);
  }
  return out + "'";
}

bool Controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
  });
}

std::string Text(std::string_view text, int indent) {
  if (text.empty() || Reserved(text)) return DoubleQuoted(text);
  if (Controls(text)) return DoubleQuoted(text);
  if (text.find('\n') != std::string_view::npos) {
    if (Blank(text[0]) || text[0] == '\n') return DoubleQuoted(text);
    std::string out = text.back() == '\n' ? (text.ends_with("\n\n") ? "|+" : "|") : "|-";
    std::string_view rest = text;
    if (rest.back() == '\n') rest.remove_suffix(1);
    while (true) {
      const size_t end = rest.find('\n');
      const std::string_view line = rest.substr(0, end);
      out += "\n";
      if (!line.empty()) out += std::string(static_cast<size_t>(indent), ' ') + std::string(line);
      if (end == std::string_view::npos) break;
      rest = rest.substr(end + 1);
    }
    return out;
  }
  if (HoldsSyntax(text)) return DoubleQuoted(text);
  constexpr std::string_view kIndicators = "&*!|>'\"%@`#";
  const bool dash = (text[0] == '-' || text[0] == '?') && (text.size() == 1 || Blank(text[1]));
  const bool marker = text.starts_with("---") || text.starts_with("...");
  if (dash || marker || Blank(text.front()) || Blank(text.back()) ||
      kIndicators.find(text[0]) != std::string_view::npos) {
    return SingleQuoted(text);
  }
  return std::string(text);
}

std::string Key(const Value& key) {
  const std::string text = JavaText(key);
  if (LooksLikeNumber(text)) return DoubleQuoted(text);
  return text.find('\n') != std::string::npos ? DoubleQuoted(text) : Text(text, 0);
}

bool IsBlock(const Value& value) {
  return (value.is_map() || value.is_sequence()) && value.size() > 0;
}

std::string Scalar(const Value& value, int indent) {
  switch (value.kind()) {
    case Kind::kNull: return "null";
    case Kind::kMap: return "{}";
    case Kind::kList:
    case Kind::kSet:
    case Kind::kArray: return "[]";
    case Kind::kDuration: return DurationSeconds(value.AsDuration());
    case Kind::kInstant:
    case Kind::kZoned:
    case Kind::kDate: return DoubleQuoted(InstantText(value.AsTime()));
    case Kind::kLocalDate:
    case Kind::kLocalDateTime: return DoubleQuoted(JavaText(value));
    case Kind::kString:
    case Kind::kMarker:
    case Kind::kUri:
    case Kind::kEnum: return Text(value.AsString(), indent);
    case Kind::kChar: return Text(JavaText(value), indent);
    default: return JavaText(value);
  }
}

// Depth is bounded by that of the value.
void Write(const Value& value, int indent, std::string* out) {
  const std::string margin(static_cast<size_t>(indent), ' ');
  if (value.is_map()) {
    for (const MapEntry& entry : value.entries()) {
      *out += margin + Key(entry.key) + ":";
      if (!IsBlock(entry.value)) {
        *out += " " + Scalar(entry.value, indent + 2) + "\n";
      } else {
        *out += "\n";
        Write(entry.value, entry.value.is_map() ? indent + 2 : indent, out);
      }
    }
    return;
  }
  for (const Value& item : value.items()) {
    *out += margin + " -";
    if (!IsBlock(item)) {
      *out += " " + Scalar(item, indent + 2) + "\n";
    } else {
      *out += "\n";
      Write(item, indent + 2, out);
    }
  }
}

}  // namespace

absl::StatusOr<Value> ReadYaml(std::string_view text) try {
  if (text.size() > kBytesMax) return absl::ResourceExhaustedError("Invalid yaml: too large");
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  Builder builder;
  parser.HandleNextDocument(builder);
  return builder.Take();
} catch (const Stop& stop) {
  return stop.status;
} catch (const YAML::Exception& e) {
  return NotYaml(e.mark.line + 1, e.msg);
}

std::string WriteYaml(const Value& value) {
  if (!IsBlock(value)) return Scalar(value, 2) + "\n";
  std::string out;
  Write(value, 0, &out);
  return out;
}

}  // namespace orch::expression
