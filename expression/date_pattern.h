#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace orch::expression {

// A part of a date pattern: literal text (letter 0) or a field.
struct PatternPiece {
  char letter = 0;
  int count = 0;
  int pad = 0;
  std::string literal;
  int optional_depth = 0;  // Inside how many brackets it stands.
};

// Cuts a pattern of Java's DateTimeFormatter.
//   kInvalidArgument  quotes or brackets do not match, or a reserved character is in it.
absl::StatusOr<std::vector<PatternPiece>> CutPattern(std::string_view pattern);

}  // namespace orch::expression
