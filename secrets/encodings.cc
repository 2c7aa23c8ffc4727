#include "secrets/encodings.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <utility>

namespace orch::secrets {
namespace {

constexpr size_t kEncodedSizeMax = 16 << 10;
constexpr size_t kShortest = 4;
constexpr std::string_view kLowerHex = "0123456789abcdef";
constexpr std::string_view kUpperHex = "0123456789ABCDEF";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string Hex(std::string_view value, std::string_view digits) {
  std::string text;
  text.reserve(value.size() * 2);
  for (const unsigned char c : value) {
    text += digits[c >> 4];
    text += digits[c & 15];
  }
  return text;
}

// The characters of the base64 of (`offset` unknown bytes + value + unknown bytes) that depend on
// the value alone.
std::string Base64Middle(std::string_view value, size_t offset, std::string_view alphabet) {
  std::string padded(offset, '\0');
  padded += value;
  const size_t first = (offset * 8 + 5) / 6;
  const size_t end = padded.size() * 8 / 6;
  std::string text;
  for (size_t i = first; i < end; ++i) {
    const size_t bit = i * 6;
    const size_t byte = bit / 8;
    const unsigned high = static_cast<unsigned char>(padded[byte]);
    const unsigned low =
        byte + 1 < padded.size() ? static_cast<unsigned char>(padded[byte + 1]) : 0;
    text += alphabet[((high << 8 | low) >> (10 - bit % 8)) & 63];
  }
  return text;
}

// The whole base64 of the value, with padding or without.
std::string Base64Whole(std::string_view value, std::string_view alphabet, bool padded) {
  std::string text = Base64Middle(value, 0, alphabet);
  const size_t rest = value.size() % 3;
  if (rest != 0) {
    const unsigned last = static_cast<unsigned char>(value.back());
    text += alphabet[rest == 1 ? (last << 4) & 63 : (last << 2) & 63];
    if (padded) text += rest == 1 ? "==" : "=";
  }
  return text;
}

std::string Url(std::string_view value, std::string_view digits, bool form, bool keep_slash) {
  std::string text;
  for (const unsigned char c : value) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~' || (keep_slash && c == '/');
    if (plain) {
      text += static_cast<char>(c);
    } else if (form && c == ' ') {
      text += '+';
    } else {
      text += '%';
      text += digits[c >> 4];
      text += digits[c & 15];
    }
  }
  return text;
}

// One code point at `*i`, which moves on; bytes that are no UTF-8 stand for themselves.
uint32_t NextCodePoint(std::string_view value, size_t* i) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(value[at]); };
  const unsigned char lead = byte(*i);
  const size_t length = lead < 0x80       ? 1
                        : lead >> 5 == 6  ? 2
                        : lead >> 4 == 14 ? 3
                        : lead >> 3 == 30 ? 4
                                          : 1;
  if (length == 1 || *i + length > value.size()) {
    ++*i;
    return lead;
  }
  uint32_t point = lead & (0x7f >> length);
  for (size_t k = 1; k < length; ++k) point = point << 6 | (byte(*i + k) & 0x3f);
  *i += length;
  return point;
}

void AppendUnit(uint32_t unit, std::string* text) {
  char escaped[8];
  std::snprintf(escaped, sizeof(escaped), "\\u%04x", unit & 0xffff);
  *text += escaped;
}

// The inside of a JSON string.
std::string Json(std::string_view value, bool ascii, bool escape_slash) {
  std::string text;
  for (size_t i = 0; i < value.size();) {
    const size_t start = i;
    const uint32_t point = NextCodePoint(value, &i);
    switch (point) {
      case '"': text += "\\\""; continue;
      case '\\': text += "\\\\"; continue;
      case '\n': text += "\\n"; continue;
      case '\r': text += "\\r"; continue;
      case '\t': text += "\\t"; continue;
      case '\b': text += "\\b"; continue;
      case '\f': text += "\\f"; continue;
      case '/': text += escape_slash ? "\\/" : "/"; continue;
      default: break;
    }
    if (point < 0x20 || (ascii && point == 0x7f)) {
      AppendUnit(point, &text);
    } else if (point < 0x80 || !ascii) {
      text += value.substr(start, i - start);
    } else if (point < 0x10000) {
      AppendUnit(point, &text);
    } else {
      AppendUnit(0xd800 + ((point - 0x10000) >> 10), &text);
      AppendUnit(0xdc00 + ((point - 0x10000) & 0x3ff), &text);
    }
  }
  return text;
}

std::string ReplaceAll(std::string_view value, char from, std::string_view to) {
  std::string text;
  for (const char c : value) {
    if (c == from) {
      text += to;
    } else {
      text += c;
    }
  }
  return text;
}

// With a backslash before every character that a shell would read, as printf %q prints.
std::string ShellEscaped(std::string_view value) {
  std::string text;
  for (const unsigned char c : value) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80 ||
        std::string_view("_-./:=@%+").find(static_cast<char>(c)) != std::string_view::npos;
    if (!plain) text += '\\';
    text += static_cast<char>(c);
  }
  return text;
}

// Inside $'…', as shells print values with control characters.
std::string ShellDollarQuoted(std::string_view value) {
  std::string text;
  for (const char c : value) {
    switch (c) {
      case '\n': text += "\\n"; break;
      case '\t': text += "\\t"; break;
      case '\r': text += "\\r"; break;
      case '\'': text += "\\'"; break;
      case '\\': text += "\\\\"; break;
      default: text += c;
    }
  }
  return text;
}

std::string_view WithoutClosingBreak(std::string_view value) {
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.remove_suffix(1);
  return value;
}

void AddEncodings(std::string_view value, std::vector<std::string>* texts) {
  const auto add = [&](std::string text) {
    if (text.size() >= kShortest) texts->push_back(std::move(text));
  };
  for (const bool ascii : {false, true}) {
    for (const bool slash : {false, true}) add(Json(value, ascii, slash));
  }
  add(ReplaceAll(value, '\'', "'\\''"));
  add(ReplaceAll(value, '\'', "'\"'\"'"));
  add(ShellEscaped(value));
  add(ShellDollarQuoted(value));
  for (const std::string_view digits : {kUpperHex, kLowerHex}) {
    add(Hex(value, digits));
    for (const bool form : {false, true}) {
      for (const bool slash : {false, true}) add(Url(value, digits, form, slash));
    }
  }
  for (const std::string_view alphabet : {kBase64, kBase64Url}) {
    for (size_t offset = 0; offset < 3; ++offset) add(Base64Middle(value, offset, alphabet));
    for (const bool padded : {false, true}) add(Base64Whole(value, alphabet, padded));
  }
}

}  // namespace

std::vector<std::string> EncodingsOf(std::string_view value) {
  std::vector<std::string> texts;
  if (value.empty()) return texts;
  texts.emplace_back(value);
  const std::string_view trimmed = WithoutClosingBreak(value);
  if (!trimmed.empty() && trimmed.size() < value.size()) texts.emplace_back(trimmed);
  for (size_t start = 0; start < trimmed.size();) {
    size_t end = trimmed.find('\n', start);
    if (end == std::string_view::npos) end = trimmed.size();
    const std::string_view line = WithoutClosingBreak(trimmed.substr(start, end - start));
    if (line.size() >= kShortest && line.size() < value.size()) texts.emplace_back(line);
    start = end + 1;
  }
  if (value.size() > kEncodedSizeMax) return texts;
  AddEncodings(value, &texts);
  if (!trimmed.empty() && trimmed.size() < value.size()) AddEncodings(trimmed, &texts);
  return texts;
}

}  // namespace orch::secrets
