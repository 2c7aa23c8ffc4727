#include "cli/client/sse.h"

#include <utility>

namespace orch::cli {

std::vector<SseEvent> SseParser::Feed(std::string_view piece) {
  std::vector<SseEvent> events;
  for (const char c : piece) {
    if (skip_newline_) {
      skip_newline_ = false;
      if (c == '\n') continue;
    }
    if (c != '\n' && c != '\r') {
      pending_ += c;
      continue;
    }
    skip_newline_ = c == '\r';
    const std::string line = std::exchange(pending_, "");
    Line(line, events);
  }
  return events;
}

void SseParser::Line(std::string_view line, std::vector<SseEvent>& events) {
  if (line.empty()) {
    if (has_data_ || has_id_) {
      events.push_back({last_id_, name_.empty() ? "message" : name_, data_});
    }
    name_.clear();
    data_.clear();
    has_data_ = has_id_ = false;
    return;
  }
  const size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  } else if (field == "event") {
    name_ = std::string(value);
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    last_id_ = std::string(value);
    has_id_ = true;
  }
}

}  // namespace orch::cli
