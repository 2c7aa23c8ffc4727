#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/output/execution_view.h"
#include "cli/output/json.h"
#include "orch/v1/execution_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string id;
};

std::string When(const v1::Instant& instant) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E3S %Ez", absl::FromUnixMicros(instant.micros()),
                          absl::LocalTimeZone());
}

int Get(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::GetExecutionRequest request;
  request.set_tenant(options.server.tenant);
  request.set_execution_id(options.id);
  request.set_head(!options.server.json());
  v1::Execution execution;
  const absl::Status status =
      server->rpc->Call("ExecutionService/GetExecution", request, &execution);
  if (!status.ok()) return session.Finish(status);
  if (options.server.json()) {
    session.console.Out(JsonLine(execution));
    return kOk;
  }
  const bool colors = session.console.options().out_colors;
  const auto line = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    std::string head = absl::StrCat(std::string(name), ":");
    head.resize(12, ' ');
    session.console.Out(absl::StrCat(Paint(head, Ink::kBold, colors), Visible(value), "\n"));
  };
  const v1::StateView& state = execution.state();
  const std::string& word = v1::State_Name(state.current());
  line("Id", execution.id());
  line("Flow", absl::StrCat(execution.namespace_(), ".", execution.flow_id(), " revision ",
                            execution.flow_revision()));
  session.console.Out(absl::StrCat(Paint("State:      ", Ink::kBold, colors),
                                   Paint(word, InkOfState(word), colors), "\n"));
  if (state.has_start_date()) line("Started", When(state.start_date()));
  if (state.has_end_date()) line("Ended", When(state.end_date()));
  if (state.has_duration()) {
    line("Took", ShortDuration(absl::Microseconds(state.duration().micros())));
  }
  line("Runs", absl::StrCat(execution.task_run_count()));
  for (const v1::Label& label : execution.labels()) {
    line("Label", absl::StrCat(label.key(), "=", label.value()));
  }
  if (execution.has_waiting()) {
    line("Waits", execution.waiting().detail().empty() ? execution.waiting().reason()
                                                       : execution.waiting().detail());
  }
  line("Error", execution.error());
  line("Inputs", execution.inputs().utf8());
  line("Outputs", execution.outputs().utf8());
  return kOk;
}

}  // namespace

void AddExecutionGet(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("get", "Shows an execution.");
  verb.Positional("ID", &options->id, "Its id.", Need::kRequired);
  options->server.AddTo(verb);
  verb.Run([options, session] { return Get(*options, session); });
}

}  // namespace orch::cli
