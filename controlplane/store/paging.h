// Pages of lists: their bounds and totals, the same in every keeper.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "controlplane/store/rows.h"

namespace orch::store {

inline constexpr int kTotalMax = 10'000;  // Totals are exact up to here; pages reach no further.
inline constexpr int kPageSizeMax = 1'000;

struct PageBounds {
  int offset = 0;  // 0 when there is a cursor.
  int size = 0;
};
//   kInvalidArgument  size not in 1..kPageSizeMax, page < 1, or page × size > kTotalMax.
absl::StatusOr<PageBounds> BoundsOf(const Page& page);

// From a count that stops at kTotalMax + 1.
void SetTotal(int64_t counted, ExecutionPage* page);

// The cursor of a list of flows.
std::string FlowCursor(std::string_view ns, std::string_view id);
//   kInvalidArgument  it is none.
absl::StatusOr<std::pair<std::string, std::string>> ReadFlowCursor(const std::string& cursor);

// A to Z become a to z; all else stays.
std::string AsciiLower(std::string_view text);

}  // namespace orch::store
