#include "expression/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "expression/errors.h"
#include "expression/text.h"
#include "expression/time_zone.h"

namespace orch::expression {
namespace {

// Gathers the values that Boost.JSON's parser reports.
class ValueHandler {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit ValueHandler(size_t node_count_max) : nodes_left_(node_count_max) {}

  using Code = boost::json::error_code;
  using Text = boost::json::string_view;

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) {
    levels_.emplace_back();
    levels_.back().object = true;
    return true;
  }
  bool on_object_end(std::size_t, Code& ec) { return Put(TakeLevel(), ec); }
  bool on_array_begin(Code&) {
    levels_.emplace_back();
    return true;
  }
  bool on_array_end(std::size_t, Code& ec) { return Put(TakeLevel(), ec); }
  bool on_key_part(Text part, std::size_t, Code&) { return Gather(part); }
  bool on_key(Text part, std::size_t, Code&) {
    Gather(part);
    levels_.back().key = std::exchange(text_, {});
    return true;
  }
  bool on_string_part(Text part, std::size_t, Code&) { return Gather(part); }
  bool on_string(Text part, std::size_t, Code& ec) {
    Gather(part);
    return Put(Value::String(std::exchange(text_, {})), ec);
  }
  bool on_number_part(Text part, Code&) { return Gather(part); }
  bool on_int64(std::int64_t, Text part, Code& ec) { return PutNumber(part, ec); }
  bool on_uint64(std::uint64_t, Text part, Code& ec) { return PutNumber(part, ec); }
  bool on_double(double, Text part, Code& ec) { return PutNumber(part, ec); }
  bool on_bool(bool value, Code& ec) { return Put(Value::Bool(value), ec); }
  bool on_null(Code& ec) { return Put(Value::Null(), ec); }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

  const std::string& duplicate() const { return duplicate_; }
  bool out_of_nodes() const { return out_of_nodes_; }
  Value Take() { return std::move(root_); }

 private:
  struct Level {
    bool object = false;
    std::string key;
    std::vector<Value> items;
    MapBuilder members;
  };

  bool Gather(Text part) {
    text_.append(part.data(), part.size());
    return true;
  }

  Value TakeLevel() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    return level.object ? level.members.Build() : Value::List(std::move(level.items));
  }

  bool PutNumber(Text part, Code& ec) {
    Gather(part);
    return Put(JsonNumber(std::exchange(text_, {})), ec);
  }

  bool Put(Value value, Code& ec) {
    if (nodes_left_-- == 0) {
      out_of_nodes_ = true;
      ec = boost::json::error::array_too_large;
      return false;
    }
    if (levels_.empty()) {
      root_ = std::move(value);
    } else if (!levels_.back().object) {
      levels_.back().items.push_back(std::move(value));
    } else {
      std::string& key = levels_.back().key;
      if (!levels_.back().members.Add(Value::String(key), std::move(value))) {
        duplicate_ = key;
        ec = boost::json::error::syntax;
        return false;
      }
    }
    return true;
  }

  static Value JsonNumber(std::string text);

  size_t nodes_left_;
  bool out_of_nodes_ = false;
  std::string duplicate_;
  std::string text_;
  std::vector<Level> levels_;
  Value root_;
};

Value ValueHandler::JsonNumber(std::string text) {
  if (text.find_first_of(".eE") != std::string::npos) {
    return Value::Double(std::strtod(text.c_str(), nullptr));
  }
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? Value::Integer(number) : Value::BigInt(std::move(text));
}

// `marker`: keep the control character that a marker is recognised by.
void AppendJsonString(std::string_view text, std::string* out, bool marker = false) {
  out->push_back('"');
  size_t plain = 0;
  const auto flush = [&](size_t until) { out->append(text, plain, until - plain); };
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if ((c >= 0x20 && c != '"' && c != '\\') || (marker && c == 0x01)) continue;
    flush(i);
    plain = i + 1;
    switch (c) {
      case '"': *out += "\\\""; break;
      case '\\': *out += "\\\\"; break;
      case '\n': *out += "\\n"; break;
      case '\t': *out += "\\t"; break;
      case '\r': *out += "\\r"; break;
      case '\b': *out += "\\b"; break;
      case '\f': *out += "\\f"; break;
      default: *out += absl::StrFormat("\\u%04X", c);
    }
  }
  flush(text.size());
  out->push_back('"');
}

void Append(const Value& value, NullPolicy nulls, std::string* out) {
  switch (value.kind()) {
    case Kind::kNull: *out += "null"; return;
    case Kind::kList:
    case Kind::kArray:
    case Kind::kSet: {
      out->push_back('[');
      bool first = true;
      for (const Value& item : value.items()) {
        if (!first) out->push_back(',');
        first = false;
        Append(item, nulls, out);
      }
      out->push_back(']');
      return;
    }
    case Kind::kMap: {
      out->push_back('{');
      bool first = true;
      for (const MapEntry& entry : value.entries()) {
        if (nulls == NullPolicy::kDropMapNulls && entry.value.is_null()) continue;
        if (!first) out->push_back(',');
        first = false;
        AppendJsonString(JavaText(entry.key), out);
        out->push_back(':');
        Append(entry.value, nulls, out);
      }
      out->push_back('}');
      return;
    }
    case Kind::kEntry:
      out->push_back('{');
      AppendJsonString(JavaText(value.entry_key()), out);
      out->push_back(':');
      Append(value.entry_value(), nulls, out);
      out->push_back('}');
      return;
    case Kind::kF32:
    case Kind::kF64:
      if (!std::isfinite(value.AsDouble())) {
        AppendJsonString(JavaText(value), out);
      } else {
        *out += JavaText(value);
      }
      return;
    case Kind::kBool:
    case Kind::kI32:
    case Kind::kI64:
    case Kind::kBigInt:
    case Kind::kBigDecimal: *out += JavaText(value); return;
    case Kind::kDuration: *out += DurationSeconds(value.AsDuration()); return;
    case Kind::kZoned:
    case Kind::kDate: AppendJsonString(InstantText(value.AsTime()), out); return;
    case Kind::kView: *out += "{}"; return;
    case Kind::kMarker: AppendJsonString(value.AsString(), out, /*marker=*/true); return;
    case Kind::kString:
    case Kind::kUri:
    case Kind::kEnum: AppendJsonString(value.AsString(), out); return;
    default: AppendJsonString(JavaText(value), out);
  }
}

}  // namespace

absl::StatusOr<Value> ParseJsonPrefix(std::string_view text, size_t* end,
                                      const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) return JsonTooLarge("bytes");
  boost::json::parse_options options;
  options.max_depth = static_cast<std::size_t>(limits.depth_max);
  boost::json::basic_parser<ValueHandler> parser(options, limits.node_count_max);
  boost::json::error_code ec;
  *end = parser.write_some(/*more=*/false, text.data(), text.size(), ec);
  if (!ec) return parser.handler().Take();
  if (!parser.handler().duplicate().empty() || ec == boost::json::error::syntax) {
    if (!parser.handler().duplicate().empty())
      return JsonDuplicateKey(parser.handler().duplicate());
  }
  if (parser.handler().out_of_nodes()) return JsonTooLarge("values");
  if (ec == boost::json::error::too_deep) return JsonTooLarge("levels");
  return NotJson(*end, ec.message());
}

absl::StatusOr<Value> ParseJson(std::string_view text, const JsonLimits& limits) {
  size_t end = 0;
  absl::StatusOr<Value> value = ParseJsonPrefix(text, &end, limits);
  if (!value.ok()) return value;
  const size_t rest = text.find_first_not_of(" \t\r\n", end);
  if (rest != std::string_view::npos) return NotJson(rest, "text after the value");
  return value;
}

std::string ToJson(const Value& value, NullPolicy nulls) {
  std::string out;
  Append(value, nulls, &out);
  return out;
}

}  // namespace orch::expression
