#include "cli/version.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/output/json.h"
#include "expression/json.h"
#include "orch/v1/instance_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  bool client_only = false;
};

int Show(const Options& options, const Session& session) {
  v1::Version server_version;
  absl::Status reached = absl::UnavailableError("");
  if (!options.client_only) {
    const auto server = options.server.Open();
    if (!server.ok()) return session.Finish(server.status());
    reached =
        server->rpc->Call("InstanceService/GetVersion", v1::GetVersionRequest(), &server_version);
  }
  if (options.server.json()) {
    expression::MapBuilder out;
    out.Set("client", expression::Value::String(kVersion));
    if (reached.ok()) {
      out.Set("server", expression::Value::String(server_version.version()));
      out.Set("store", expression::Value::String(server_version.store()));
    }
    session.console.Out(expression::ToJson(out.Build()) + "\n");
    return kOk;
  }
  session.console.Out(absl::StrCat("orch ", kVersion, "\n"));
  if (reached.ok()) {
    session.console.Out(
        absl::StrCat("server ", server_version.version(), " (", server_version.store(), ")\n"));
  }
  return kOk;
}

}  // namespace

void AddVersion(Verb root, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb =
      root.Add("version", "Prints the release of this program, and of the server if one answers.");
  verb.Flag("--client", &options->client_only, "Ask no server.");
  options->server.AddTo(verb);
  verb.Run([options, session] { return Show(*options, session); });
}

}  // namespace orch::cli
