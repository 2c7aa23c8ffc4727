#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/offline/sources.h"
#include "cli/output/json.h"
#include "cli/output/table.h"
#include "orch/v1/flow_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::vector<std::string> paths;
};

int Apply(const Options& options, const Session& session) {
  const auto sources = GatherSources(options.paths);
  if (!sources.ok()) return session.Finish(sources.status());
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::FlowList applied;
  int code = kOk;
  // A file at a time: all of it is taken over or none, and a complaint can name its file.
  for (const Source& source : *sources) {
    v1::ApplyFlowsRequest request;
    request.set_tenant(options.server.tenant);
    request.set_source(source.text);
    v1::FlowList answer;
    const absl::Status status = server->rpc->Call("FlowService/ApplyFlows", request, &answer);
    if (!status.ok()) {
      absl::Status named(status.code(),
                         absl::StrCat(source.name, ": ", std::string(status.message())));
      status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
        named.SetPayload(type, payload);
      });
      const int failed = session.Finish(named);
      if (code == kOk) code = failed;
      if (failed == kUnreachable || failed == kAuth) break;
      continue;
    }
    for (const v1::Flow& flow : answer.flows()) {
      for (const std::string& warning : flow.warnings()) {
        session.console.Say(
            absl::StrCat(Paint("warning:", Ink::kYellow, session.console.options().talk_colors),
                         " ", source.name, ": ", Visible(warning)));
      }
    }
    applied.MergeFrom(answer);
  }
  if (options.server.json()) {
    session.console.Out(JsonArrayLine(applied, "flows"));
  } else if (applied.flows_size() > 0) {
    Table table({"NAMESPACE", "FLOW", "REVISION"});
    for (const v1::Flow& flow : applied.flows()) {
      table.Add({flow.namespace_(), flow.id(), absl::StrCat(flow.revision())});
    }
    session.console.Out(table.Draw(session.console.options().out_colors));
  }
  return code;
}

}  // namespace

void AddFlowApply(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("apply", "Creates or updates the flows of files, folders or stdin (-).");
  verb.Positionals("FILE", &options->paths, "Files, folders, patterns, or - for stdin.",
                   Need::kRequired);
  options->server.AddTo(verb);
  verb.Run([options, session] { return Apply(*options, session); });
}

}  // namespace orch::cli
