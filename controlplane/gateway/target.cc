#include "controlplane/gateway/target.h"

#include <algorithm>
#include <cstdint>

#include "base/status_macros.h"
#include "controlplane/api/json/json_text.h"
#include "controlplane/gateway/errors.h"

namespace orch::gateway {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

enum class Plus { kIsPlus, kIsSpace };

absl::StatusOr<std::string> Decode(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::kIsSpace) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 1 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return NotANormalPath("a % without two hex digits");
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  if (!api::json::IsUtf8(out)) return NotANormalPath("it is no UTF-8");
  return out;
}

}  // namespace

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseForm(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    ORCH_ASSIGN_OR_RETURN(std::string name, Decode(pair.substr(0, equals), Plus::kIsSpace));
    std::string value;
    if (equals < pair.size()) {
      ORCH_ASSIGN_OR_RETURN(value, Decode(pair.substr(equals + 1), Plus::kIsSpace));
    }
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

absl::StatusOr<Target> ParseTarget(std::string_view text) {
  Target target;
  const size_t question = std::min(text.find('?'), text.size());
  const std::string_view path = text.substr(0, question);
  if (path.empty() || path[0] != '/') return NotANormalPath("it does not begin with /");
  target.path = std::string(path);
  if (question < text.size()) {
    ORCH_ASSIGN_OR_RETURN(target.query, ParseForm(text.substr(question + 1)));
  }
  std::string_view rest = path.substr(1);
  while (!rest.empty()) {
    const size_t slash = std::min(rest.find('/'), rest.size());
    ORCH_ASSIGN_OR_RETURN(std::string segment, Decode(rest.substr(0, slash), Plus::kIsPlus));
    if (segment.empty()) return NotANormalPath("a segment is empty");
    if (segment == "." || segment == "..") return NotANormalPath("it has . or .. in it");
    for (const char c : segment) {
      if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
        return NotANormalPath("it has control characters in it");
      }
    }
    target.segments.push_back(std::move(segment));
    if (slash == rest.size()) break;
    rest.remove_prefix(slash + 1);
    if (rest.empty()) return NotANormalPath("it ends with /");
  }
  return target;
}

}  // namespace orch::gateway
