// The errors of the gateway: what is wrong with a request before any handler sees it.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace orch::gateway {

absl::Status NotANormalPath(std::string_view why);                             // 400
absl::Status NotAForm(std::string_view why);                                   // 400
absl::Status NoSuchRoute(std::string_view path);                               // 404
absl::Status MethodNotAllowed(std::string_view method);                        // 405
absl::Status BodyTooLarge(int64_t bytes_max);                                  // 413
absl::Status WrongMediaType(std::string_view given, std::string_view wanted);  // 415
absl::Status ForeignHost(std::string_view host);                               // 403
absl::Status ForeignOrigin();                                                  // 403
absl::Status UnknownParameter(std::string_view name);                          // 422
absl::Status NoStreamsHere(std::string_view name);                             // 501

}  // namespace orch::gateway
