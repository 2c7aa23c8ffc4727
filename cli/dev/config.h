#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace orch::cli {

// What `orch server --config FILE` reads.
struct ServerConfig {
  enum class Store { kSqlite, kPostgres };
  Store store = Store::kSqlite;
  std::string folder;    // Of SQLite, and of executions' files.
  std::string url;       // Of Postgres: a libpq connection URI or string.
  int http_port = 8080;  // 0: any free one.
  int grpc_port = 50051;
  int management_port = 8081;
  absl::Duration lease_ttl = absl::Seconds(30);  // A worker silent for longer is given up.

  // Reads YAML:
  //
  //   store: {type: sqlite|postgres, folder: DIR, url: URL}
  //   http: {port: N}
  //   grpc: {port: N}
  //   management: {port: N}
  //   lease: {ttl: DURATION}     ISO-8601, at least PT1S
  //
  // `~/` at the beginning of a folder is the user's home.
  //   kInvalidArgument (a usage error)  it is no YAML, an unknown key (with the nearest), a wrong
  //   kind.
  static absl::StatusOr<ServerConfig> Read(std::string_view yaml);
};

// Where data lives unless someone says otherwise: ~/.local/share/orch.
std::string DefaultFolder();

}  // namespace orch::cli
