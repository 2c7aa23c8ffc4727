// What services that follow or wait are handed.
#pragma once

#include "base/clock.h"
#include "base/executor.h"
#include "base/thread_pool.h"
#include "controlplane/api/log_bell.h"
#include "controlplane/conductor/requests.h"
#include "controlplane/store/store.h"

namespace orch::api {

// All outlive the services, and every call under way: stop the gateway first, then `executor` and
// `pool`.
struct Live {
  store::Store* store = nullptr;
  conductor::Requests* requests = nullptr;
  conductor::Watch* watch = nullptr;
  LogBell* bell = nullptr;
  Executor* executor = nullptr;  // Followers live on it; a thread of its own.
  ThreadPool* pool = nullptr;    // For what blocks.
  Clock* clock = nullptr;
};

}  // namespace orch::api
