#include "controlplane/api/errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "controlplane/api/json/errors.h"

namespace orch::api {
namespace {

constexpr char kHttpPayload[] = "orch/http";

}  // namespace

absl::Status NotAllowed(std::string_view permission) {
  return absl::PermissionDeniedError(
      absl::StrFormat("you lack the permission %s", std::string(permission)));
}

absl::Status NoSuchTenant(std::string_view tenant) {
  return absl::NotFoundError(absl::StrFormat("there is no tenant '%s'", std::string(tenant)));
}

absl::Status NoSuch(std::string_view kind, std::string_view id) {
  return absl::NotFoundError(
      absl::StrFormat("there is no %s '%s'", std::string(kind), std::string(id)));
}

absl::Status BadField(std::string_view path, std::string_view message) {
  return json::FieldError(path, std::string(path) + ": " + std::string(message));
}

absl::Status NoAnswerYet(std::string_view doing) {
  return absl::DeadlineExceededError(absl::StrFormat(
      "no answer yet to the order to %s; look whether it has happened", std::string(doing)));
}

absl::Status WithHttpStatus(absl::Status status, int http_status) {
  status.SetPayload(kHttpPayload, absl::Cord(absl::StrFormat("%d", http_status)));
  return status;
}

int HttpStatusOf(const absl::Status& status) {
  if (const auto payload = status.GetPayload(kHttpPayload); payload.has_value()) {
    int http_status = 0;
    if (absl::SimpleAtoi(std::string(*payload), &http_status)) return http_status;
  }
  switch (status.code()) {
    case absl::StatusCode::kOk: return 200;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange: return 422;
    case absl::StatusCode::kUnauthenticated: return 401;
    case absl::StatusCode::kPermissionDenied: return 403;
    case absl::StatusCode::kNotFound: return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted: return 409;
    case absl::StatusCode::kUnimplemented: return 501;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnknown: return 503;
    default: return 500;
  }
}

}  // namespace orch::api
