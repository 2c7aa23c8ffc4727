#include <memory>
#include <string>

#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/output/json.h"
#include "orch/v1/flow_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string namespace_, id;
  int revision = 0;
};

int Get(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::GetFlowRequest request;
  request.set_tenant(options.server.tenant);
  request.set_namespace_(options.namespace_);
  request.set_id(options.id);
  request.set_revision(options.revision);
  request.set_source(!options.server.json());
  v1::Flow flow;
  const absl::Status status = server->rpc->Call("FlowService/GetFlow", request, &flow);
  if (!status.ok()) return session.Finish(status);
  if (options.server.json()) {
    session.console.Out(JsonLine(flow));
  } else {
    session.console.Out(flow.source());
    if (flow.source().empty() || flow.source().back() != '\n') session.console.Out("\n");
  }
  return session.Finish(absl::OkStatus());
}

}  // namespace

void AddFlowGet(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("get", "Prints a flow as its author wrote it.");
  verb.Positional("NAMESPACE", &options->namespace_, "Its namespace.", Need::kRequired)
      .Positional("ID", &options->id, "Its id.", Need::kRequired)
      .Option("--revision", &options->revision, "N", "An older revision.");
  options->server.AddTo(verb);
  verb.Run([options, session] { return Get(*options, session); });
}

}  // namespace orch::cli
