#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/output/table.h"
#include "expression/json.h"
#include "expression/text.h"
#include "orch/v1/execution_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string id, task, value;
};

void ShowMap(const std::string& json, const Options& options, const Session& session) {
  if (options.server.json()) {
    session.console.Out(json + "\n");
    return;
  }
  const auto map = expression::ParseJson(json);
  if (!map.ok() || !map->is_map()) {
    session.console.Out(json + "\n");
    return;
  }
  Table table({"NAME", "VALUE"});
  for (const expression::MapEntry& entry : map->entries()) {
    table.Add({expression::PrintText(entry.key), expression::PrintText(entry.value)});
  }
  session.console.Out(table.Draw(session.console.options().out_colors));
}

int Outputs(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::GetExecutionRequest request;
  request.set_tenant(options.server.tenant);
  request.set_execution_id(options.id);
  request.set_head(options.task.empty());
  v1::Execution execution;
  const absl::Status status =
      server->rpc->Call("ExecutionService/GetExecution", request, &execution);
  if (!status.ok()) return session.Finish(status);
  if (options.task.empty()) {
    ShowMap(execution.outputs().utf8().empty() ? "{}" : execution.outputs().utf8(), options,
            session);
    return kOk;
  }
  // A task by its id (with the loop's value, if it has one), or a run by its own.
  const v1::TaskRunView* found = nullptr;
  for (const v1::TaskRunView& run : execution.task_run_list()) {
    if (run.id() == options.task || (run.task_id() == options.task &&
                                     (options.value.empty() || run.value() == options.value))) {
      found = &run;
    }
  }
  if (found == nullptr) {
    return session.Finish(
        absl::NotFoundError(absl::StrCat("execution ", options.id, " has no run of '", options.task,
                                         "'", options.value.empty() ? "" : " with that value",
                                         "; see `orch execution tree ", options.id, "`")));
  }
  v1::GetOutputsRequest wanted;
  wanted.set_tenant(options.server.tenant);
  wanted.set_execution_id(options.id);
  wanted.set_task_run_id(found->id());
  v1::Outputs outputs;
  const absl::Status fetched = server->rpc->Call("ExecutionService/GetOutputs", wanted, &outputs);
  if (!fetched.ok()) return session.Finish(fetched);
  ShowMap(outputs.outputs().utf8().empty() ? "{}" : outputs.outputs().utf8(), options, session);
  return kOk;
}

}  // namespace

void AddExecutionOutputs(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("outputs", "Prints the outputs of an execution, or of one of its tasks.");
  verb.Positional("ID", &options->id, "The execution's id.", Need::kRequired)
      .Positional("TASK", &options->task, "A task's id, or a run's.", Need::kOptional)
      .Option("--value", &options->value, "VALUE", "The loop's value, of a task in a loop.");
  options->server.AddTo(verb);
  verb.Run([options, session] { return Outputs(*options, session); });
}

}  // namespace orch::cli
