// The rules for a server without credentials: it serves this machine, and no page of another site.
#pragma once

#include "absl/status/status.h"
#include "controlplane/gateway/http.h"

namespace orch::gateway {

// Whether a Host (with or without a port) names this machine: localhost, 127.0.0.0/8, [::1].
bool IsLoopbackHost(std::string_view host);

//   403  the Host is not loopback; or `guarded` (a change or a stream) comes from a foreign Origin
//   or
//        with Sec-Fetch-Site: cross-site.
enum class Guarded { kNo, kYes };
absl::Status CheckLocal(const Headers& headers, Guarded guarded);

}  // namespace orch::gateway
