#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/output/json.h"
#include "cli/output/table.h"
#include "orch/v1/flow_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string namespace_, text, cursor;
  int size = 100;
};

int List(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::SearchFlowsRequest request;
  request.set_tenant(options.server.tenant);
  request.set_namespace_(options.namespace_);
  request.set_q(options.text);
  request.set_cursor(options.cursor);
  request.set_size(options.size);
  v1::FlowPage page;
  const absl::Status status = server->rpc->Call("FlowService/SearchFlows", request, &page);
  if (!status.ok()) return session.Finish(status);
  if (options.server.json()) {
    session.console.Out(JsonLine(page));
    return session.Finish(absl::OkStatus());
  }
  Table table({"NAMESPACE", "FLOW", "REVISION", "STATE"});
  for (const v1::Flow& flow : page.results()) {
    table.Add({flow.namespace_(),
               flow.id(),
               absl::StrCat(flow.revision()),
               {flow.disabled() ? "disabled" : "", Ink::kDim}});
  }
  session.console.Out(table.Draw(session.console.options().out_colors));
  if (!page.next_cursor().empty()) {
    session.console.Say(absl::StrCat(page.results_size(), " of ", page.total(),
                                     "; go on with --cursor ", page.next_cursor()));
  }
  return session.Finish(absl::OkStatus());
}

}  // namespace

void AddFlowList(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("list", "Lists flows, of one namespace and those below it if you name it.");
  verb.Positional("NAMESPACE", &options->namespace_, "A namespace.", Need::kOptional)
      .Option("-q,--query", &options->text, "TEXT", "Only those in which this occurs.")
      .Option("--size", &options->size, "N", "How many at most; 100 unless said.")
      .Option("--cursor", &options->cursor, "CURSOR", "Where the last list ended.");
  options->server.AddTo(verb);
  verb.Run([options, session] { return List(*options, session); });
}

}  // namespace orch::cli
