#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/output/json.h"
#include "orch/v1/execution_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::vector<std::string> ids;
};

int Kill(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  int code = kOk;
  for (const std::string& id : options.ids) {
    v1::KillExecutionRequest request;
    request.set_tenant(options.server.tenant);
    request.set_execution_id(id);
    v1::Execution execution;
    const absl::Status status =
        server->rpc->Call("ExecutionService/KillExecution", request, &execution);
    if (!status.ok()) {
      const int failed = session.Finish(status);
      if (code == kOk) code = failed;
      continue;
    }
    if (options.server.json()) {
      session.console.Out(JsonLine(execution));
    } else {
      session.console.Say(absl::StrCat(id, " ", v1::State_Name(execution.state().current())));
    }
  }
  return code;
}

}  // namespace

void AddExecutionKill(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("kill", "Stops executions and all that they run.");
  verb.Positionals("ID", &options->ids, "Their ids.", Need::kRequired);
  options->server.AddTo(verb);
  verb.Run([options, session] { return Kill(*options, session); });
}

}  // namespace orch::cli
