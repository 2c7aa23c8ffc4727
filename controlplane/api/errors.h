// The errors of the API, and what each becomes in HTTP.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace orch::api {

// kPermissionDenied (403).
absl::Status NotAllowed(std::string_view permission);
// kNotFound (404).
absl::Status NoSuchTenant(std::string_view tenant);
absl::Status NoSuch(std::string_view kind, std::string_view id);
// kInvalidArgument (422), about the field at `path`.
absl::Status BadField(std::string_view path, std::string_view message);
// kDeadlineExceeded (503): the owner did not answer in time; whether it happened is to be found
// out.
absl::Status NoAnswerYet(std::string_view doing);

// An error that HTTP answers by another status than its code's.
absl::Status WithHttpStatus(absl::Status status, int http_status);

// 422 bad field, 404 not there, 409 state or conflict, 401, 403, 429, 503 ...; 200 for OK.
int HttpStatusOf(const absl::Status& status);

}  // namespace orch::api
