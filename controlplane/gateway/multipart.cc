#include "controlplane/gateway/multipart.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/status_macros.h"
#include "controlplane/gateway/errors.h"

namespace orch::gateway {
namespace {

constexpr size_t kHeadBytesMax = 8 * 1024;
constexpr size_t kBoundaryBytesMax = 200;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The value of `; name=value` or `; name="value"` in a header; false when it is absent.
bool FindAttribute(std::string_view header, std::string_view wanted, std::string* value) {
  size_t at = header.find(';');
  while (at != std::string_view::npos && at < header.size()) {
    ++at;
    const size_t equals = header.find('=', at);
    if (equals == std::string_view::npos) return false;
    const std::string name = Lower(Trim(header.substr(at, equals - at)));
    std::string text;
    at = equals + 1;
    if (at < header.size() && header[at] == '"') {
      for (++at; at < header.size() && header[at] != '"'; ++at) {
        // A backslash escapes a quote; before anything else it is what browsers send in names.
        if (header[at] == '\\' && at + 1 < header.size() && header[at + 1] == '"') ++at;
        text.push_back(header[at]);
      }
      at = header.find(';', at);
    } else {
      const size_t end = std::min(header.find(';', at), header.size());
      text = std::string(Trim(header.substr(at, end - at)));
      at = header.find(';', at);
    }
    if (name == wanted) {
      *value = std::move(text);
      return true;
    }
  }
  return false;
}

// What HTML encodes in names: quotes and line breaks.
std::string Unescape(std::string text) {
  for (const auto& [from, to] :
       {std::pair<std::string_view, char>{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}}) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + 1)) {
      text.replace(at, from.size(), 1, to);
    }
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> BoundaryOf(std::string_view content_type) {
  std::string boundary;
  if (!FindAttribute(content_type, "boundary", &boundary) || boundary.empty() ||
      boundary.size() > kBoundaryBytesMax) {
    return NotAForm("the Content-Type has no boundary");
  }
  return boundary;
}

Multipart::Multipart(std::string boundary, Listener listener, int part_count_max)
    : delimiter_("\r\n--" + std::move(boundary)),
      listener_(std::move(listener)),
      parts_left_(part_count_max),
      buffer_("\r\n") {}  // The first delimiter may stand at the very beginning.

absl::Status Multipart::Take(std::string_view piece) {
  if (at_ == At::kEnd) return absl::OkStatus();  // An epilogue says nothing.
  buffer_.append(piece);
  bool more = true;
  while (more) ORCH_RETURN_IF_ERROR(Step(&more));
  return absl::OkStatus();
}

absl::Status Multipart::Finish() {
  if (at_ == At::kEnd) return absl::OkStatus();
  return NotAForm("it ends before its last boundary");
}

absl::Status Multipart::Step(bool* more) {
  *more = false;
  switch (at_) {
    case At::kPreamble:
    case At::kData: {
      const size_t found = buffer_.find(delimiter_);
      const size_t kept = delimiter_.size() - 1;  // May be the beginning of a delimiter.
      const size_t ready =
          found != std::string::npos ? found : (buffer_.size() > kept ? buffer_.size() - kept : 0);
      if (at_ == At::kData && ready > 0) {
        ORCH_RETURN_IF_ERROR(listener_.data(std::string_view(buffer_).substr(0, ready)));
      }
      buffer_.erase(0, ready);
      if (found == std::string::npos) return absl::OkStatus();
      buffer_.erase(0, delimiter_.size());
      if (at_ == At::kData) ORCH_RETURN_IF_ERROR(listener_.end());
      at_ = At::kAfterBoundary;
      *more = true;
      return absl::OkStatus();
    }
    case At::kAfterBoundary: {
      if (buffer_.size() < 2) return absl::OkStatus();
      if (buffer_.compare(0, 2, "--") == 0) {
        at_ = At::kEnd;
        buffer_.clear();
        return absl::OkStatus();
      }
      const size_t line = buffer_.find("\r\n");
      const size_t blank = buffer_.find_first_not_of(" \t");
      if (blank != std::string::npos && buffer_[blank] != '\r') {
        return NotAForm("something follows a boundary on its line");
      }
      if (line == std::string::npos) {
        if (buffer_.size() > kHeadBytesMax) return NotAForm("a boundary's line does not end");
        return absl::OkStatus();
      }
      buffer_.erase(0, line);  // The line break stays: a part may have no headers at all.
      at_ = At::kHead;
      *more = true;
      return absl::OkStatus();
    }
    case At::kHead: {
      const size_t end = buffer_.find("\r\n\r\n");
      if (end == std::string::npos) {
        if (buffer_.size() > kHeadBytesMax) return NotAForm("a part's head is too large");
        return absl::OkStatus();
      }
      if (end > kHeadBytesMax) return NotAForm("a part's head is too large");
      if (parts_left_-- == 0) return NotAForm("it has too many parts");
      ORCH_ASSIGN_OR_RETURN(const PartHead head,
                            ParseHead(std::string_view(buffer_).substr(0, end)));
      buffer_.erase(0, end + 4);
      ORCH_RETURN_IF_ERROR(listener_.begin(head));
      at_ = At::kData;
      *more = true;
      return absl::OkStatus();
    }
    case At::kEnd: return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::StatusOr<Multipart::PartHead> Multipart::ParseHead(std::string_view head) const {
  PartHead part;
  bool named = false;
  while (!head.empty()) {
    const size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      if (!line.empty()) return NotAForm("a part's header has no colon");
      continue;
    }
    const std::string name = Lower(Trim(line.substr(0, colon)));
    const std::string_view value = Trim(line.substr(colon + 1));
    if (name == "content-type") part.content_type = std::string(value);
    if (name != "content-disposition") continue;
    named = FindAttribute(value, "name", &part.name);
    part.has_file_name = FindAttribute(value, "filename", &part.file_name);
    part.name = Unescape(std::move(part.name));
    part.file_name = Unescape(std::move(part.file_name));
  }
  if (!named) return NotAForm("a part has no name");
  return part;
}

}  // namespace orch::gateway
