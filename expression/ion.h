#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "expression/value.h"

namespace orch::expression {

// Reads the values of an Ion text: the first alone, or all. Symbols become text; a timestamp becomes
// a local date (midnight without an offset or in UTC), an instant, or, with another offset, zoned.
//   kInvalidArgument    no Ion.
//   kResourceExhausted  deeper than 64.
absl::StatusOr<std::vector<Value>> ReadIon(std::string_view text, bool all);

// Writes Ion text as the `toIon` filter does; nulls are kept.
std::string WriteIon(const Value& value);

}  // namespace orch::expression
