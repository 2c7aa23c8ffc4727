// Gateway serves the API over HTTP: REST, events, files and `/rpc`, from the declarations alone.
//
// A request is refused as early as can be: by its address, its Host and Origin, its credential and
// permission, its media type and size, each before the next byte of its body is read.
//
// Threads     Start and Stop from one thread. Handlers run on the pool.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "controlplane/api/access.h"
#include "controlplane/api/operations.h"
#include "controlplane/gateway/body.h"
#include "controlplane/gateway/http_server.h"

namespace orch::gateway {

// A file of the dashboard.
struct Asset {
  std::string_view bytes;  // Lives as long as the process.
  std::string content_type;
  bool gzipped = false;
  bool immutable = false;  // Its name changes with its contents.
};

class Gateway {
 public:
  struct Options {
    HttpServer::Options http;
    BodyLimits body;
    // The dashboard's file at a path ("/", "/ui/flows"); none: 404.
    std::function<std::optional<Asset>(std::string_view path)> assets;
  };

  // `operations` have passed their Check. All must outlive the gateway; `random` is used from many
  // threads.
  Gateway(Options options, const api::Operations* operations, const api::Access* access,
          ThreadPool* pool, Clock* clock, Random* random);
  ~Gateway();

  // Listens, and returns the port. Errors as HttpServer::Start.
  absl::StatusOr<int> Start();
  // As HttpServer::Stop.
  void Stop();

 private:
  class Handler;
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace orch::gateway
