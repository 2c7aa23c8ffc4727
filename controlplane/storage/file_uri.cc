#include "controlplane/storage/file_uri.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include "controlplane/storage/errors.h"

namespace orch::storage {
namespace {

constexpr std::string_view kScheme = "kestra:///";
constexpr size_t kUriBytesMax = 4096;
constexpr size_t kSegmentBytesMax = 255;
constexpr size_t kSegmentCountMax = 64;

bool IsPlain(std::string_view segment) {
  if (segment.empty() || segment.size() > kSegmentBytesMax || segment[0] == '.') return false;
  return std::none_of(segment.begin(), segment.end(), [](char c) {
    return c == '/' || c == '\\' || static_cast<uint8_t>(c) < 0x20 || c == 0x7F;
  });
}

// A file's name keeps its dots and letters of any script.
std::string PlainName(std::string_view name) {
  const size_t slash = name.find_last_of("/\\");
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  std::string plain;
  for (const char c : name) {
    const bool kept = static_cast<uint8_t>(c) >= 0x80 || std::isalnum(static_cast<uint8_t>(c)) ||
                      c == '.' || c == '_' || c == '-';
    plain.push_back(kept ? c : '-');
  }
  if (!plain.empty() && plain[0] == '.') plain[0] = '-';
  if (plain.size() > kSegmentBytesMax) {  // Keep the end: the extension is there.
    size_t from = plain.size() - kSegmentBytesMax;
    while (from < plain.size() && (static_cast<uint8_t>(plain[from]) & 0xC0) == 0x80) ++from;
    plain.erase(0, from);
    if (plain[0] == '.') plain[0] = '-';
  }
  return plain.empty() ? "file" : plain;
}

}  // namespace

std::string Slug(std::string_view text) {
  std::string slug;
  for (const char c : text) {
    if (std::isalnum(static_cast<uint8_t>(c)) || c == '_') {
      slug.push_back(c);
    } else if (!slug.empty() && slug.back() != '-') {
      slug.push_back('-');
    }
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  if (slug.size() > kSegmentBytesMax) slug.resize(kSegmentBytesMax);
  return slug.empty() ? "-" : slug;
}

absl::StatusOr<FileUri> FileUri::Parse(std::string_view text) {
  if (text.substr(0, kScheme.size()) != kScheme) {
    return NotAFileUri(text, "it must begin with kestra:///");
  }
  if (text.size() > kUriBytesMax) return NotAFileUri(text, "it is too long");
  std::vector<std::string> segments;
  std::string_view rest = text.substr(kScheme.size());
  while (true) {
    const size_t slash = rest.find('/');
    const std::string_view segment = rest.substr(0, slash);
    if (!IsPlain(segment)) return NotAFileUri(text, "a segment is no plain name");
    if (segments.size() == kSegmentCountMax) return NotAFileUri(text, "it has too many segments");
    segments.emplace_back(segment);
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return FileUri(std::move(segments));
}

FileUri FileUri::OfExecution(std::string_view ns, std::string_view flow_id,
                             std::string_view execution_id, const std::vector<std::string>& names) {
  std::vector<std::string> segments;
  for (std::string_view rest = ns; !rest.empty();) {
    const size_t dot = rest.find('.');
    segments.push_back(Slug(rest.substr(0, dot)));
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  segments.push_back(Slug(flow_id));
  segments.push_back("executions");
  segments.push_back(Slug(execution_id));
  for (const std::string& name : names) segments.push_back(PlainName(name));
  return FileUri(std::move(segments));
}

std::string FileUri::ToString() const {
  std::string text(kScheme.substr(0, kScheme.size() - 1));
  for (const std::string& segment : segments_) text += "/" + segment;
  return text;
}

bool FileUri::BelongsTo(std::string_view ns, std::string_view flow_id,
                        std::string_view execution_id) const {
  const FileUri folder = OfExecution(ns, flow_id, execution_id, {});
  return segments_.size() > folder.segments_.size() &&
         std::equal(folder.segments_.begin(), folder.segments_.end(), segments_.begin());
}

}  // namespace orch::storage
