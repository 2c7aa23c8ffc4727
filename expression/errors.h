#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace orch::expression {

// JSON. Mend the text, or let it be smaller.
absl::Status NotJson(size_t at, std::string_view fault);
absl::Status JsonDuplicateKey(std::string_view key);
absl::Status JsonTooLarge(std::string_view what);

// YAML and Ion.
absl::Status NotYaml(int line, std::string_view fault);
absl::Status NotIon(size_t at, std::string_view fault);

// Regular expressions.
absl::Status BadPattern(std::string_view pattern, std::string_view fault);
absl::Status BadReplacement(std::string_view replacement, std::string_view fault);
absl::Status RegexTooCostly(std::string_view pattern);

// Dates.
absl::Status BadDate(std::string_view text);
absl::Status BadDatePattern(std::string_view pattern, std::string_view fault);

// Encryption.
absl::Status BadKey(std::string_view fault);
absl::Status BadCipherText(std::string_view fault);

}  // namespace orch::expression
