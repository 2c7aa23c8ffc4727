#include "controlplane/gateway/errors.h"

#include <string>

#include "absl/strings/str_format.h"
#include "controlplane/api/errors.h"

namespace orch::gateway {
namespace {

using api::WithHttpStatus;

std::string Short(std::string_view text) { return std::string(text.substr(0, 100)); }

}  // namespace

absl::Status NotANormalPath(std::string_view why) {
  return WithHttpStatus(
      absl::InvalidArgumentError(absl::StrFormat("the address is not normal: %s", Short(why))),
      400);
}
absl::Status NotAForm(std::string_view why) {
  return WithHttpStatus(
      absl::InvalidArgumentError(absl::StrFormat("the body is no form: %s", Short(why))), 400);
}
absl::Status NoSuchRoute(std::string_view path) {
  return absl::NotFoundError(absl::StrFormat("nothing is served at %s", Short(path)));
}
absl::Status MethodNotAllowed(std::string_view method) {
  return WithHttpStatus(
      absl::UnimplementedError(absl::StrFormat("%s is not served here", Short(method))), 405);
}
absl::Status BodyTooLarge(int64_t bytes_max) {
  return WithHttpStatus(
      absl::ResourceExhaustedError(absl::StrFormat("the body has more than %d bytes", bytes_max)),
      413);
}
absl::Status WrongMediaType(std::string_view given, std::string_view wanted) {
  return WithHttpStatus(absl::InvalidArgumentError(absl::StrFormat(
                            "send the body as %s, not as %s", std::string(wanted), Short(given))),
                        415);
}
absl::Status ForeignHost(std::string_view host) {
  return absl::PermissionDeniedError(absl::StrFormat(
      "without credentials only this machine is served, not the host '%s'", Short(host)));
}
absl::Status ForeignOrigin() {
  return absl::PermissionDeniedError("another site's page may not do this");
}
absl::Status UnknownParameter(std::string_view name) {
  return api::BadField(Short(name), "there is no such parameter");
}
absl::Status NoStreamsHere(std::string_view name) {
  return absl::UnimplementedError(
      absl::StrFormat("%s streams: call it by REST or gRPC", std::string(name)));
}

}  // namespace orch::gateway
