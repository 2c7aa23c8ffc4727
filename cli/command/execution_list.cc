#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/output/execution_view.h"
#include "cli/output/json.h"
#include "cli/output/table.h"
#include "orch/v1/execution_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string namespace_, flow, cursor;
  std::vector<std::string> states, labels;
  int size = 25;
};

int List(const Options& options, const Session& session) {
  v1::SearchExecutionsRequest request;
  request.set_tenant(options.server.tenant);
  request.set_namespace_(options.namespace_);
  request.set_flow_id(options.flow);
  request.set_cursor(options.cursor);
  request.set_size(options.size);
  for (std::string word : options.states) {
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return std::toupper(c); });
    v1::State state;
    if (!v1::State_Parse(word, &state) || state == v1::STATE_UNSPECIFIED) {
      return session.Finish(UsageError("'" + word + "' is no state"));
    }
    request.add_state(state);
  }
  for (std::string label : options.labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos) {
      return session.Finish(UsageError("'" + label + "' is no label; write KEY=VALUE"));
    }
    label[equals] = ':';
    request.add_labels(label);
  }
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::ExecutionPage page;
  const absl::Status status =
      server->rpc->Call("ExecutionService/SearchExecutions", request, &page);
  if (!status.ok()) return session.Finish(status);
  if (options.server.json()) {
    session.console.Out(JsonLine(page));
    return kOk;
  }
  Table table({"ID", "NAMESPACE", "FLOW", "STATE", "STARTED", "TOOK"});
  for (const v1::Execution& execution : page.results()) {
    const v1::StateView& state = execution.state();
    const absl::Time start = absl::FromUnixMicros(state.start_date().micros());
    const absl::Time end = state.has_end_date() ? absl::FromUnixMicros(state.end_date().micros())
                                                : session.clock.Now();
    const std::string& word = v1::State_Name(state.current());
    table.Add({execution.id(),
               execution.namespace_(),
               execution.flow_id(),
               {word, InkOfState(word)},
               state.has_start_date()
                   ? absl::FormatTime("%Y-%m-%d %H:%M:%S", start, absl::LocalTimeZone())
                   : "",
               state.has_start_date() ? ShortDuration(end - start) : ""});
  }
  session.console.Out(table.Draw(session.console.options().out_colors));
  if (!page.next_cursor().empty()) {
    session.console.Say(absl::StrCat(page.results_size(), " of ", page.total(),
                                     "; go on with --cursor ", page.next_cursor()));
  }
  return kOk;
}

}  // namespace

void AddExecutionList(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("list", "Lists executions, the newest first.");
  verb.Option("-n,--namespace", &options->namespace_, "NAMESPACE", "Of it and those below it.")
      .Option("--flow", &options->flow, "ID", "Of one flow.")
      .Options("--state", &options->states, "STATE", "In one of these states.")
      .Options("--label", &options->labels, "KEY=VALUE", "With this label.")
      .Option("--size", &options->size, "N", "How many at most; 25 unless said.")
      .Option("--cursor", &options->cursor, "CURSOR", "Where the last list ended.");
  options->server.AddTo(verb);
  verb.Run([options, session] { return List(*options, session); });
}

}  // namespace orch::cli
