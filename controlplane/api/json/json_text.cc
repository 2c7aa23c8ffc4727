#include "controlplane/api/json/json_text.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>

#include "controlplane/api/json/errors.h"

namespace orch::api::json {
namespace {

// Counts values; Boost's parser does the rest.
struct Counter {
  using error_code = boost::system::error_code;
  using view = boost::json::string_view;
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;

  size_t left = 0;
  bool too_many = false;

  bool Count(error_code& ec) {
    if (left == 0) {
      too_many = true;
      ec = boost::json::error::array_too_large;
      return false;
    }
    --left;
    return true;
  }
  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_array_begin(error_code& ec) { return Count(ec); }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_object_begin(error_code& ec) { return Count(ec); }
  bool on_object_end(std::size_t, error_code&) { return true; }
  bool on_string_part(view, std::size_t, error_code&) { return true; }
  bool on_string(view, std::size_t, error_code& ec) { return Count(ec); }
  bool on_key_part(view, std::size_t, error_code&) { return true; }
  bool on_key(view, std::size_t, error_code&) { return true; }
  bool on_number_part(view, error_code&) { return true; }
  bool on_int64(int64_t, view, error_code& ec) { return Count(ec); }
  bool on_uint64(uint64_t, view, error_code& ec) { return Count(ec); }
  bool on_double(double, view, error_code& ec) { return Count(ec); }
  bool on_bool(bool, error_code& ec) { return Count(ec); }
  bool on_null(error_code& ec) { return Count(ec); }
  bool on_comment_part(view, error_code&) { return true; }
  bool on_comment(view, error_code&) { return true; }
};

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (code >> 6)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (code >> 12)));
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | (code >> 18)));
    out->push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

uint32_t Hex4(std::string_view digits) {
  uint32_t code = 0;
  for (const char c : digits) {
    code <<= 4;
    if (c >= '0' && c <= '9') code |= static_cast<uint32_t>(c - '0');
    if (c >= 'a' && c <= 'f') code |= static_cast<uint32_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') code |= static_cast<uint32_t>(c - 'A' + 10);
  }
  return code;
}

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 when there is none.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto follows = [&](size_t i, uint8_t low, uint8_t high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
    return follows(1, low, high) && follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF) ? 4 : 0;
  }
  return 0;
}

}  // namespace

absl::Status CheckJson(std::string_view text, const JsonBudget& budget) {
  if (text.size() > budget.bytes_max) return TooMuchJson("bytes", budget.bytes_max);
  boost::json::parse_options options;
  options.max_depth = budget.depth_max;
  boost::json::basic_parser<Counter> parser(options);
  parser.handler().left = budget.node_count_max;
  boost::system::error_code ec;
  const size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (ec) {
    if (parser.handler().too_many) return TooMuchJson("values", budget.node_count_max);
    if (ec == boost::json::error::too_deep) return TooMuchJson("levels", budget.depth_max);
    return NotJson(ec.message(), used);
  }
  for (size_t i = used; i < text.size(); ++i) {
    if (!IsSpace(text[i])) return NotJson("something follows the value", i);
  }
  return absl::OkStatus();
}

void Cursor::SkipSpace() {
  while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
}

Cursor::Kind Cursor::kind() const {
  if (at_ >= text_.size()) return Kind::kEnd;
  switch (text_[at_]) {
    case '{': return Kind::kObject;
    case '[': return Kind::kArray;
    case '"': return Kind::kText;
    case 'n': return Kind::kNull;
    case 't':
    case 'f': return Kind::kBool;
    default: return Kind::kNumber;
  }
}

std::string_view Cursor::TakeRaw() {
  const size_t begin = at_;
  size_t depth = 0;
  bool in_text = false;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (in_text) {
      if (c == '\\') ++at_;
      if (c == '"') in_text = false;
      if (c == '"' && depth == 0) {
        ++at_;
        break;
      }
      continue;
    }
    if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) break;  // The end of what encloses a number or word.
      if (--depth == 0) {
        ++at_;
        break;
      }
    } else if (depth == 0 && (c == ',' || IsSpace(c))) {
      break;
    }
  }
  at_ = std::min(at_, text_.size());
  const std::string_view raw = text_.substr(begin, at_ - begin);
  SkipSpace();
  return raw;
}

std::string Cursor::TakeText() { return Unquote(TakeRaw()); }

void Cursor::Enter() {
  if (at_ < text_.size()) ++at_;
  SkipSpace();
  first_ = true;
}

bool Cursor::NextItem(char closing) {
  if (at_ < text_.size() && text_[at_] == closing) {
    ++at_;
    SkipSpace();
    first_ = false;
    return false;
  }
  if (at_ >= text_.size()) return false;
  if (!first_ && text_[at_] == ',') {
    ++at_;
    SkipSpace();
  }
  first_ = false;
  return true;
}

bool Cursor::NextKey(std::string* key) {
  if (!NextItem('}')) return false;
  *key = TakeText();
  if (at_ < text_.size() && text_[at_] == ':') ++at_;
  SkipSpace();
  return true;
}

bool Cursor::NextElement() { return NextItem(']'); }

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = Utf8Length(text.substr(i));
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::string Unquote(std::string_view quoted) {
  std::string out;
  if (quoted.size() < 2) return out;
  const std::string_view text = quoted.substr(1, quoted.size() - 2);
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out.push_back(text[i]);
      continue;
    }
    switch (text[++i]) {
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'n': out.push_back('\n'); break;
      case 'r': out.push_back('\r'); break;
      case 't': out.push_back('\t'); break;
      case 'u': {
        uint32_t code = Hex4(text.substr(i + 1, 4));
        i += 4;
        if (code >= 0xD800 && code < 0xDC00 && i + 6 < text.size() && text[i + 1] == '\\') {
          code = 0x10000 + ((code - 0xD800) << 10) + (Hex4(text.substr(i + 3, 4)) - 0xDC00);
          i += 6;
        }
        AppendUtf8(code, &out);
        break;
      }
      default: out.push_back(text[i]);
    }
  }
  return out;
}

void AppendQuoted(std::string_view text, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c >= 0x80) {
      const size_t length = Utf8Length(text.substr(i));
      if (length == 0) {
        out->append("\xEF\xBF\xBD");
        ++i;
      } else {
        out->append(text.substr(i, length));
        i += length;
      }
      continue;
    }
    ++i;
    switch (c) {
      case '"': out->append("\\\""); break;
      case '\\': out->append("\\\\"); break;
      case '\n': out->append("\\n"); break;
      case '\r': out->append("\\r"); break;
      case '\t': out->append("\\t"); break;
      case '\b': out->append("\\b"); break;
      case '\f': out->append("\\f"); break;
      default:
        if (c < 0x20 || c == 0x7F) {
          out->append("\\u00");
          out->push_back(kHex[c >> 4]);
          out->push_back(kHex[c & 15]);
        } else {
          out->push_back(static_cast<char>(c));
        }
    }
  }
  out->push_back('"');
}

std::string Quoted(std::string_view text) {
  std::string out;
  AppendQuoted(text, &out);
  return out;
}

}  // namespace orch::api::json
