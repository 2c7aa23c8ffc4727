// Target is a request's address, taken apart once: everything later works on parsed segments.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace orch::gateway {

struct Target {
  std::string path;                                        // As it came, without the query.
  std::vector<std::string> segments;                       // Decoded.
  std::vector<std::pair<std::string, std::string>> query;  // Decoded, in order.
};

// Takes `/a/b?c=d` apart.
//   kInvalidArgument  (400) it does not begin with `/`; a segment is empty, `.` or `..`, or holds
//                     control characters; a `%` without two hex digits; bad UTF-8.
absl::StatusOr<Target> ParseTarget(std::string_view target);

// Decodes `a=b&c=d` of a query or of a form. Errors as ParseTarget.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseForm(std::string_view text);

}  // namespace orch::gateway
