#include <map>
#include <memory>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/offline/evaluation.h"
#include "cli/offline/typed_json.h"
#include "expression/json.h"
#include "orch/v1/execution_service.pb.h"

namespace orch::cli {
namespace {

using expression::Value;

constexpr size_t kContextBytesMax = 64 * 1024 * 1024;

struct Options {
  ServerOptions server;
  std::string expression, context_file, execution, task_run, mode = "string", target;
};

int Fail(std::string_view code, const std::string& message, const Options& options,
         const Session& session) {
  if (!options.server.json()) return session.Finish(absl::UnknownError(message));
  const Value error = expression::MapBuilder()
                          .Set("code", Value::String(std::string(code)))
                          .Set("message", Value::String(message))
                          .Build();
  session.console.Out(expression::ToJson(expression::MapBuilder().Set("error", error).Build()) +
                      "\n");
  return kGeneric;
}

int EvaluateOffline(const Options& options, const Session& session) {
  static const std::map<std::string, EvalMode> kModes = {{"string", EvalMode::kString},
                                                         {"typed", EvalMode::kTyped},
                                                         {"object", EvalMode::kObject},
                                                         {"property", EvalMode::kProperty}};
  const EvalMode mode = kModes.at(options.mode);
  if ((mode == EvalMode::kProperty) == options.target.empty()) {
    return session.Finish(UsageError("--mode property and --target TYPE belong together"));
  }
  ContextFile file;
  if (!options.context_file.empty()) {
    const auto text = ReadFile(options.context_file, kContextBytesMax);
    if (!text.ok()) return session.Finish(WithExitCode(text.status(), kUsage));
    auto read = ContextFile::Read(*text);
    if (!read.ok()) return session.Finish(read.status());
    file = *std::move(read);
  }
  const auto outcome = Evaluate({options.expression, mode, options.target}, file,
                                session.clock.Now(), session.random.Next());
  if (!outcome.ok()) return session.Finish(outcome.status());
  if (const auto* error = std::get_if<expression::Error>(&*outcome)) {
    return Fail(expression::CodeName(error->code), error->message, options, session);
  }
  const Value& value = std::get<Value>(*outcome);
  if (options.server.json()) {
    std::string line = absl::StrCat("{\"result\":", ResultJson(value));
    if (mode == EvalMode::kTyped) {
      absl::StrAppend(&line, ",\"type\":\"", std::string(ClassOf(value)), "\"");
    }
    session.console.Out(line + "}\n");
  } else if (value.is_null()) {
    session.console.Out("\n");
  } else {
    session.console.Out((value.is_string() ? value.AsString() : ResultJson(value)) + "\n");
  }
  return kOk;
}

int EvaluateOnServer(const Options& options, const Session& session) {
  if (options.mode != "string") {
    return session.Finish(
        UsageError("against an execution, an expression gives a text; leave out --mode"));
  }
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  v1::EvaluateExpressionRequest request;
  request.set_tenant(options.server.tenant);
  request.set_execution_id(options.execution);
  request.set_task_run_id(options.task_run);
  request.set_expression(options.expression);
  v1::Evaluation answer;
  const absl::Status status =
      server->rpc->Call("ExecutionService/EvaluateExpression", request, &answer);
  if (!status.ok()) return session.Finish(status);
  if (!answer.error().empty()) {
    return Fail(answer.code().empty() ? "eval" : answer.code(), answer.error(), options, session);
  }
  const Value result = answer.has_result() ? Value::String(answer.result()) : Value();
  if (options.server.json()) {
    session.console.Out(absl::StrCat("{\"result\":", ResultJson(result), "}\n"));
  } else {
    session.console.Out(answer.result() + "\n");
  }
  return kOk;
}

int Eval(const Options& options, const Session& session) {
  if (!options.execution.empty() && !options.context_file.empty()) {
    return session.Finish(UsageError("give --context-file or --execution, one of them"));
  }
  if (!options.task_run.empty() && options.execution.empty()) {
    return session.Finish(UsageError("--task-run needs --execution"));
  }
  return options.execution.empty() ? EvaluateOffline(options, session)
                                   : EvaluateOnServer(options, session);
}

}  // namespace

void AddExpressionEval(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("eval", "Evaluates an expression, offline or against an execution.");
  verb.RequiredOption("--expr", &options->expression, "TEMPLATE", "What to evaluate.")
      .Option("--context-file", &options->context_file, "FILE",
              "JSON with the variables; $fixtures holds secrets, kv and files.")
      .Option("--execution", &options->execution, "ID", "Evaluate against an execution.")
      .Option("--task-run", &options->task_run, "ID", "As seen from one of its runs.")
      .Choice("--mode", &options->mode, {"string", "typed", "object", "property"},
              "string gives a text; typed keeps the value.")
      .Option("--target", &options->target, "TYPE", "Of a property: Duration, List<String>, …");
  options->server.AddTo(verb);
  verb.Run([options, session] { return Eval(*options, session); });
}

}  // namespace orch::cli
