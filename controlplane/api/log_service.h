#pragma once

#include "controlplane/api/live.h"
#include "controlplane/api/operations.h"

namespace orch::api {

// LogService answers the RPCs of that name.
//
// Threads     Thread-safe; handlers block on the store, followers do not.
// Memory      A list or download holds at most 100,000 lines; what is beyond is said in a warning.
class LogService {
 public:
  explicit LogService(Live live) : live_(live) {}

  // Adds its handlers; it must outlive the table.
  void Register(Operations* operations);

 private:
  const Live live_;
};

}  // namespace orch::api
