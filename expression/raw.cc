#include "expression/raw.h"

#include <optional>

#include "expression/lexer.h"

namespace orch::expression {
namespace {

struct Span {
  size_t begin, inner_begin, inner_end, end;
};

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Where `{%-* NAME -*%}` at `from` ends.
std::optional<size_t> Tag(std::string_view text, size_t from, std::string_view name) {
  if (text.substr(from, 2) != "{%") return std::nullopt;
  size_t at = from + 2;
  while (at < text.size() && text[at] == '-') ++at;
  while (at < text.size() && IsBlank(text[at])) ++at;
  if (text.substr(at, name.size()) != name) return std::nullopt;
  at += name.size();
  while (at < text.size() && IsBlank(text[at])) ++at;
  while (at < text.size() && text[at] == '-') ++at;
  if (text.substr(at, 2) != "%}") return std::nullopt;
  return at + 2;
}

std::optional<Span> FindRaw(std::string_view text, size_t from) {
  for (size_t begin = text.find("{%", from); begin != std::string_view::npos;
       begin = text.find("{%", begin + 2)) {
    const std::optional<size_t> inner = Tag(text, begin, "raw");
    if (!inner) continue;
    for (size_t at = *inner; at < text.size() && LineBreakLength(text, at) == 0; ++at) {
      if (text[at] != '{') continue;
      if (const std::optional<size_t> end = Tag(text, at, "endraw")) {
        return Span{begin, *inner, at, *end};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

RawParts TakeOutRaw(std::string_view text) {
  RawParts raw;
  std::optional<Span> span =
      text.find("endraw") == std::string_view::npos ? std::nullopt : FindRaw(text, 0);
  if (!span) {
    raw.text = std::string(text);
    return raw;
  }
  // A tag that the text does not hold.
  for (int n = 0; raw.tag.empty() || text.find(raw.tag) != std::string_view::npos; ++n) {
    raw.tag = "\x02raw" + std::to_string(n) + "\x02";
  }
  size_t done = 0;
  for (; span; span = FindRaw(text, done)) {
    raw.text += text.substr(done, span->begin - done);
    raw.text += raw.tag + std::to_string(raw.parts.size()) + raw.tag;
    raw.parts.emplace_back(text.substr(span->begin, span->end - span->begin));
    done = span->end;
  }
  raw.text += text.substr(done);
  return raw;
}

std::string PutBackRaw(std::string text, const std::string& tag,
                       const std::vector<std::string>& parts) {
  if (tag.empty()) return text;
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(tag); at != std::string::npos; at = text.find(tag, done)) {
    const size_t digits = at + tag.size();
    const size_t end = text.find(tag, digits);
    if (end == std::string::npos || end - digits > 6 || end == digits ||
        text.find_first_not_of("0123456789", digits) != end) {
      out.append(text, done, digits - done);
      done = digits;
      continue;
    }
    const size_t index = std::stoul(text.substr(digits, end - digits));
    out.append(text, done, at - done);
    if (index < parts.size()) out += parts[index];
    done = end + tag.size();
  }
  out.append(text, done);
  return out;
}

std::string StripRaw(std::string text) {
  if (text.find("endraw") == std::string::npos) return text;
  std::string out;
  size_t done = 0;
  for (std::optional<Span> span = FindRaw(text, 0); span; span = FindRaw(text, done)) {
    out.append(text, done, span->begin - done);
    out.append(text, span->inner_begin, span->inner_end - span->inner_begin);
    done = span->end;
  }
  out.append(text, done);
  return out;
}

}  // namespace orch::expression
