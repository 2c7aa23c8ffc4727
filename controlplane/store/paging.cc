#include "controlplane/store/paging.h"

#include "controlplane/store/errors.h"

namespace orch::store {

absl::StatusOr<PageBounds> BoundsOf(const Page& page) {
  if (page.size < 1 || page.size > kPageSizeMax) return BadPage("its size must be 1 to 1,000");
  if (!page.cursor.empty()) return PageBounds{.offset = 0, .size = page.size};
  if (page.page < 1) return BadPage("pages are counted from 1");
  if (int64_t{page.page} * page.size > kTotalMax) {
    return BadPage("beyond the first 10,000 entries; narrow the filter, or follow the cursor");
  }
  return PageBounds{.offset = (page.page - 1) * page.size, .size = page.size};
}

void SetTotal(int64_t counted, ExecutionPage* page) {
  page->total = counted > kTotalMax ? kTotalMax : counted;
  page->total_estimated = counted > kTotalMax;
}

std::string FlowCursor(std::string_view ns, std::string_view id) {
  return std::string(ns).append("/").append(id);
}

absl::StatusOr<std::pair<std::string, std::string>> ReadFlowCursor(const std::string& cursor) {
  const size_t slash = cursor.find('/');
  if (slash == std::string::npos) return BadPage("the cursor is not of a list of flows");
  return std::make_pair(cursor.substr(0, slash), cursor.substr(slash + 1));
}

std::string AsciiLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace orch::store
