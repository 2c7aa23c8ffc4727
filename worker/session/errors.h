// The errors that a session gives birth to.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace orch::worker {

// kUnavailable: the control plane did not answer a Hello.
inline absl::Status NoWelcome(absl::Duration waited) {
  return absl::UnavailableError(absl::StrFormat("the control plane did not answer Hello within %s",
                                                absl::FormatDuration(waited)));
}

// kUnavailable: the line stands, but nothing comes back.
inline absl::Status LineIsSilent(absl::Duration since) {
  return absl::UnavailableError(
      absl::StrFormat("no renewal was answered for %s", absl::FormatDuration(since)));
}

// kPermissionDenied: the control plane turned the worker away; mend what it says, then start again.
inline absl::Status HelloRefused(const std::string& code, const std::string& message) {
  return absl::PermissionDeniedError(
      absl::StrFormat("the control plane refused this worker: %s (%s)", message, code));
}

}  // namespace orch::worker
