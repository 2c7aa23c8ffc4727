// The errors that the runner gives birth to. What a task did wrong is no error of this kind: it is
// a result.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace orch::worker {

// kInvalidArgument: text that should be JSON of some kind is not.
inline absl::Status BrokenJson(const std::string& why) {
  return absl::InvalidArgumentError(absl::StrFormat("broken JSON: %s", why));
}

// kInvalidArgument: this worker does not serve the type; another may.
inline absl::Status TypeNotServed(const std::string& type) {
  return absl::InvalidArgumentError(
      absl::StrFormat("this worker does not serve the type '%s'", type));
}

// kInvalidArgument: a property cannot be what it is; mend the flow.
inline absl::Status BadProperty(const std::string& name, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrFormat("property '%s': %s", name, why));
}

// kInvalidArgument: a name that would leave the working directory.
inline absl::Status PathLeavesFolder(const std::string& path) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "'%s' is not a path inside the working directory; use a relative one without '..'", path));
}

// kInvalidArgument: a glob that cannot be read.
inline absl::Status BrokenGlob(const std::string& glob, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrFormat("pattern '%s': %s", glob, why));
}

}  // namespace orch::worker
