// Management serves health and metrics on a port of its own: no user data, no change, no
// credential.
//
//   GET /health, /health/liveness, /live   200 while the process can answer at all
//   GET /ready, /health/readiness          200 when it takes work, else 503 with the reason
//   GET /metrics, /prometheus              the registry's numbers as text
#pragma once

#include <prometheus/registry.h>

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "controlplane/gateway/http_server.h"

namespace orch::gateway {

class Management {
 public:
  // Both are called on the pool and may block for a second.
  struct Probes {
    std::function<absl::Status()> health;
    std::function<absl::Status()> ready;
  };
  // `registry` and `pool` must outlive it.
  Management(HttpServer::Options http, Probes probes, prometheus::Registry* registry,
             ThreadPool* pool);
  ~Management();

  // As HttpServer.
  absl::StatusOr<int> Start();
  void Stop();

 private:
  class Handler;
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace orch::gateway
