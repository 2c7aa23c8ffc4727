// The errors that the link gives birth to.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"

namespace orch::worker {

// kInvalidArgument
inline absl::Status NotAnAddress(const std::string& server) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "'%s' is no gRPC address; write HOST:PORT, e.g. orch.example.com:50051", server));
}

// kInvalidArgument
inline absl::Status HalfACertificate() {
  return absl::InvalidArgumentError("a certificate needs its key, and a key its certificate");
}

// kUnavailable: the control plane ended a stream without saying why.
inline absl::Status LineEnded() {
  return absl::UnavailableError("the control plane ended the session");
}

// kCancelled: the worker is ending.
inline absl::Status TransferStopped() { return absl::CancelledError("the worker is stopping"); }

// kInvalidArgument: gRPC and the contract count in names of one segment.
inline absl::Status NotAFileName(const std::string& name) {
  return absl::InvalidArgumentError(absl::StrFormat("'%s' is no file name", name));
}

}  // namespace orch::worker
