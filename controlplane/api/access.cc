#include "controlplane/api/access.h"

#include "controlplane/api/declarations.h"
#include "controlplane/api/errors.h"

namespace orch::api {
namespace {

constexpr char kLocal[] = "local";

}  // namespace

LocalAccess::LocalAccess() {
  for (const auto* service : ServedServices()) {
    for (int i = 0; i < service->method_count(); ++i) {
      permissions_.insert(PermissionOf(*service->method(i)));
    }
  }
}

absl::StatusOr<Principal> LocalAccess::Authenticate(const Credentials& credentials) const {
  return Principal{
      kLocal};  // A credential that nobody configured proves nothing, and harms nothing.
}

absl::Status LocalAccess::Check(const Principal& principal, const std::string& permission,
                                const std::string& tenant, const std::string& ns) const {
  if (principal.name != kLocal || permission.empty() || permissions_.count(permission) == 0) {
    return NotAllowed(permission);
  }
  if (tenant != "main") return NoSuchTenant(tenant);
  return absl::OkStatus();
}

}  // namespace orch::api
