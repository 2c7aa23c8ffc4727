#include "cli/output/live_lines.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace orch::cli {

std::string LiveLines::Redraw(const std::vector<std::string>& lines) {
  size_t first = 0;
  const size_t common = std::min(lines.size(), drawn_.size());
  while (first < common && lines[first] == drawn_[first]) ++first;
  if (first == lines.size() && first == drawn_.size()) return "";
  std::string out;
  if (drawn_.size() > first) absl::StrAppend(&out, "\x1b[", drawn_.size() - first, "A\r");
  for (size_t i = first; i < lines.size(); ++i) {
    if (i < drawn_.size() && lines[i] == drawn_[i]) {
      out += "\n";
    } else {
      absl::StrAppend(&out, "\r\x1b[2K", lines[i], "\n");
    }
  }
  if (lines.size() < drawn_.size()) out += "\x1b[J";
  drawn_ = lines;
  return out;
}

std::string LiveLines::Erase() {
  std::string out;
  if (!drawn_.empty()) absl::StrAppend(&out, "\x1b[", drawn_.size(), "A\r\x1b[J");
  drawn_.clear();
  return out;
}

}  // namespace orch::cli
