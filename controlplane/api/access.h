// Access decides who is asking, and whether they may.
//
// Default deny: what it does not know, it refuses.
//
// Threads     Thread-safe; does not block.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/api/call.h"

namespace orch::api {

struct Credentials {
  std::string authorization;  // The header as it came, "" when there is none.
};

class Access {
 public:
  virtual ~Access() = default;

  // Whether callers must show a credential. If not, the gateway asks for a loopback Host and
  // refuses changes from foreign pages.
  virtual bool NeedsCredentials() const = 0;

  //   kUnauthenticated  no credential, or a bad one; it does not say which.
  virtual absl::StatusOr<Principal> Authenticate(const Credentials& credentials) const = 0;

  // Whether the caller may do `permission` ("flow.read") in a namespace ("" where there is none).
  //   kNotFound  no such tenant.    kPermissionDenied  everything that is not allowed.
  virtual absl::Status Check(const Principal& principal, const std::string& permission,
                             const std::string& tenant, const std::string& ns) const = 0;
};

// LocalAccess is that of a server without credentials: one principal, `local`, with every
// permission that an RPC declares, in the one tenant `main`.
class LocalAccess final : public Access {
 public:
  LocalAccess();
  bool NeedsCredentials() const override { return false; }
  absl::StatusOr<Principal> Authenticate(const Credentials& credentials) const override;
  absl::Status Check(const Principal& principal, const std::string& permission,
                     const std::string& tenant, const std::string& ns) const override;

 private:
  std::set<std::string> permissions_;
};

}  // namespace orch::api
