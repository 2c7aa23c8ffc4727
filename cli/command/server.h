#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/client/http.h"
#include "cli/client/rpc.h"
#include "cli/command/arguments.h"

namespace orch::cli {

// Server is the one a command talks to.
struct Server {
  std::unique_ptr<HttpClient> http;
  std::unique_ptr<Rpc> rpc;
  Credential credential;
  std::string tenant;

  // Path of the tenant's REST API: "/api/v1/main" + `below`.
  std::string Api(std::string_view below) const;
};

// The options of every verb that needs a server.
struct ServerOptions {
  std::string server;
  std::string tenant = "main";
  std::string output = "table";

  void AddTo(Verb& verb);
  bool json() const { return output == "json"; }

  // Takes the address from --server, ORCH_SERVER or the default, the token from ORCH_TOKEN.
  // Connects only when something is asked.
  //   kInvalidArgument (a usage error)  the address is none.
  absl::StatusOr<Server> Open() const;
};

// A text for a segment of a path or a value of a query.
std::string UrlEscape(std::string_view text);

}  // namespace orch::cli
