// The errors that catalog/ gives birth to.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace orch::catalog {

// kNotFound
absl::Status NoSuchFlow(std::string_view namespace_, std::string_view id);
absl::Status NoSuchRevision(std::string_view namespace_, std::string_view id, int revision);
absl::Status NoSuchKey(std::string_view namespace_, std::string_view key);
absl::Status ValueExpired(std::string_view key);

// kAlreadyExists
absl::Status FlowExists(std::string_view namespace_, std::string_view id);
absl::Status KeyExists(std::string_view key);

// kInvalidArgument: an update may change neither id nor namespace.
absl::Status IllegalIdUpdate(std::string_view wanted, std::string_view given);
absl::Status IllegalNamespaceUpdate(std::string_view wanted, std::string_view given);
absl::Status BadKey(std::string_view key);
absl::Status BadKvValue(std::string_view type, std::string_view why);

// kAborted: others changed the same row again and again; start over later.
absl::Status Contended(std::string_view what);

}  // namespace orch::catalog
