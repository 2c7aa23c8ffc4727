#include "worker/runner/json.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "worker/runner/errors.h"

namespace orch::worker {
namespace {

constexpr size_t kDepthMax = 64;

absl::Status Check(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kDepthMax;
  boost::json::error_code error;
  boost::json::parse(boost::json::string_view(text.data(), text.size()), error, {}, options);
  if (error) return BrokenJson(error.message());
  return absl::OkStatus();
}

// The functions below read text that Check has passed.
void SkipSpace(std::string_view text, size_t* at) {
  while (*at < text.size() &&
         (text[*at] == ' ' || text[*at] == '\t' || text[*at] == '\n' || text[*at] == '\r')) {
    ++*at;
  }
}

std::string_view TakeValue(std::string_view text, size_t* at) {
  SkipSpace(text, at);
  const size_t start = *at;
  int depth = 0;
  bool quoted = false;
  for (; *at < text.size(); ++*at) {
    const char c = text[*at];
    if (quoted) {
      if (c == '\\') {
        ++*at;
      } else if (c == '"') {
        quoted = false;
      }
      continue;
    }
    if (depth == 0 && *at > start && (c == ',' || c == ':' || c == '}' || c == ']')) break;
    if (c == '"') quoted = true;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  }
  std::string_view value = text.substr(start, *at - start);
  while (!value.empty() && std::string_view(" \t\n\r").find(value.back()) != value.npos) {
    value.remove_suffix(1);
  }
  return value;
}

char FirstOf(std::string_view text) {
  size_t at = 0;
  SkipSpace(text, &at);
  return at < text.size() ? text[at] : '\0';
}

// Length of the UTF-8 sequence that begins here, 0 if there is none.
size_t SequenceLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                        : lead >= 0xe0 && lead <= 0xef ? 3
                        : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                       : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && byte(at + 1) < 0xa0) return 0;
  if (lead == 0xed && byte(at + 1) > 0x9f) return 0;
  if (lead == 0xf0 && byte(at + 1) < 0x90) return 0;
  if (lead == 0xf4 && byte(at + 1) > 0x8f) return 0;
  return length;
}

}  // namespace

std::string JsonEscape(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size() + 8);
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    const size_t length = SequenceLength(text, i);
    if (length == 0) {
      escaped += "\xef\xbf\xbd";
      ++i;
      continue;
    }
    if (length > 1) {
      escaped += text.substr(i, length);
      i += length;
      continue;
    }
    ++i;
    switch (c) {
      case '"': escaped += "\\\""; break;
      case '\\': escaped += "\\\\"; break;
      case '\n': escaped += "\\n"; break;
      case '\r': escaped += "\\r"; break;
      case '\t': escaped += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char unit[8];
          std::snprintf(unit, sizeof(unit), "\\u%04x", static_cast<unsigned>(c));
          escaped += unit;
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

std::string MendedUtf8(std::string_view text) {
  std::string mended;
  mended.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t length = SequenceLength(text, i);
    if (length == 0) {
      mended += "\xef\xbf\xbd";
      ++i;
    } else {
      mended += text.substr(i, length);
      i += length;
    }
  }
  return mended;
}

std::string JsonString(std::string_view text) { return "\"" + JsonEscape(text) + "\""; }

absl::StatusOr<std::vector<JsonMember>> ReadJsonObject(std::string_view text) {
  if (absl::Status status = Check(text); !status.ok()) return status;
  if (FirstOf(text) != '{') return BrokenJson("not an object");
  std::vector<JsonMember> members;
  absl::flat_hash_map<std::string, size_t> places;
  size_t at = text.find('{') + 1;
  while (true) {
    SkipSpace(text, &at);
    if (text[at] == '}') return members;
    const std::string name = *StringText(std::string(TakeValue(text, &at)));
    ++at;  // The colon.
    std::string value(TakeValue(text, &at));
    const auto [it, added] = places.emplace(name, members.size());
    if (added) {
      members.push_back({name, std::move(value)});
    } else {
      members[it->second].value = std::move(value);
    }
    if (text[at] == ',') ++at;
  }
}

absl::StatusOr<std::vector<std::string>> ReadJsonList(std::string_view text) {
  if (absl::Status status = Check(text); !status.ok()) return status;
  if (FirstOf(text) != '[') return BrokenJson("not a list");
  std::vector<std::string> items;
  size_t at = text.find('[') + 1;
  while (true) {
    SkipSpace(text, &at);
    if (text[at] == ']') return items;
    items.emplace_back(TakeValue(text, &at));
    if (text[at] == ',') ++at;
  }
}

const std::string* FindMember(const std::vector<JsonMember>& members, std::string_view name) {
  for (const JsonMember& member : members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

std::optional<std::string> StringText(const std::string& json) {
  if (FirstOf(json) != '"') return std::nullopt;
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  if (error || !value.is_string()) return std::nullopt;
  return std::string(value.get_string().data(), value.get_string().size());
}

std::optional<std::string> ScalarText(const std::string& json) {
  if (json.empty() || json == "null") return std::nullopt;
  if (std::optional<std::string> text = StringText(json)) return text;
  return json;
}

}  // namespace orch::worker
