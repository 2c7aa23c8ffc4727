// Files moves files between an attempt's folder and the control plane.
//
// Threads     Thread-safe. All calls block.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "orch/v1/worker.pb.h"

namespace orch::worker {

class Files {
 public:
  virtual ~Files() = default;

  // Stores the file at `path` under the attempt as `name` and returns its address. Storing a name
  // again replaces it.
  //   kUnavailable         no line; try again.
  //   kPermissionDenied    the attempt is not live any more.
  virtual absl::StatusOr<std::string> Upload(const v1::LeaseToken& token, const std::string& path,
                                             const std::string& name) = 0;

  // Fetches what `uri` names into the file at `path`, which is replaced.
  //   kNotFound            there is none, or the attempt may not read it.
  virtual absl::Status Download(const v1::LeaseToken& token, const std::string& uri,
                                const std::string& path) = 0;
};

}  // namespace orch::worker
