// Server is one control plane: everything wired together, listening.
//
// The one place that chooses concrete classes. Start builds from the ground up and undoes what it built when
// something fails; Drain stops in the opposite order.
//
// Threads     Starts the strand's, a background and a log thread, pools, gRPC's and the gateway's. Start,
//             Drain and the destructor from one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace orch::server {

struct ServerOptions {
  // A folder that is made when missing: files, and the SQLite store unless `postgres` is given.
  std::string data;
  // libpq's connection string, "" for SQLite.
  std::string postgres;
  std::string host = "127.0.0.1";  // Loopback alone, until TLS and a credential can be configured.
  int http_port = 8080;            // 0: any free one.
  int grpc_port = 50051;
  int management_port = 8081;
  absl::Duration lease_ttl = absl::Seconds(30);
  absl::Duration shard_ttl = absl::Seconds(10);
  int64_t http_body_bytes_max = int64_t{10} << 30;
  // NAME=value: SECRET_NAME, KESTRA_X, ENV_X.
  std::vector<std::string> environment;
  // Base64 of 32 bytes; "" for none: nothing can be sealed then.
  std::string encryption_key;
};

class Server {
 public:
  //   kInvalidArgument     an option; the text names it.
  //   kFailedPrecondition  the data folder is held by another process, a port is taken, or the database refuses
  //                        what durability needs.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);
  virtual ~Server() = default;

  virtual int http_port() const = 0;
  virtual int grpc_port() const = 0;
  virtual int management_port() const = 0;
  // Whether shards are owned and requests are answered.
  virtual bool ready() const = 0;
  // "SQLite 3.40.1 at /…"
  virtual std::string DescribeStore() const = 0;

  // Takes no more requests, tells workers, lets the batch in flight end, gives the shards back. What runs
  // on workers goes on. Repeating it is harmless.
  virtual void Drain() = 0;
};

}  // namespace orch::server
