#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "expression/value.h"

namespace orch::expression {

// Reads the first document of a YAML text, with the booleans of YAML 1.1; dates stay text.
//   kInvalidArgument    no YAML, or an unknown alias.
//   kResourceExhausted  deeper than 64, or more than a million values (aliases count each time).
absl::StatusOr<Value> ReadYaml(std::string_view text);

// Writes block YAML with as few quotes as possible, as the `yaml` filter does. Ends with a newline.
std::string WriteYaml(const Value& value);

}  // namespace orch::expression
