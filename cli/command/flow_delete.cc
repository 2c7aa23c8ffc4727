#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "orch/v1/flow_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string namespace_, id;
};

int Delete(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::DeleteFlowRequest request;
  request.set_tenant(options.server.tenant);
  request.set_namespace_(options.namespace_);
  request.set_id(options.id);
  v1::NoContent nothing;
  const absl::Status status = server->rpc->Call("FlowService/DeleteFlow", request, &nothing);
  if (status.ok()) {
    session.console.Say(absl::StrCat("deleted ", options.namespace_, ".", options.id,
                                     "; its revisions and executions stay"));
  }
  return session.Finish(status);
}

}  // namespace

void AddFlowDelete(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("delete", "Deletes a flow; what already runs goes on.");
  verb.Positional("NAMESPACE", &options->namespace_, "Its namespace.", Need::kRequired)
      .Positional("ID", &options->id, "Its id.", Need::kRequired);
  options->server.AddTo(verb);
  verb.Run([options, session] { return Delete(*options, session); });
}

}  // namespace orch::cli
