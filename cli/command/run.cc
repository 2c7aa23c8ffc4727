#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "cli/client/errors.h"
#include "cli/client/multipart.h"
#include "cli/command/follow.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/output/execution_view.h"
#include "controlplane/flow/duration.h"
#include "expression/json.h"
#include "orch/v1/flow_service.pb.h"

namespace orch::cli {
namespace {

constexpr size_t kTextFileBytesMax = 16 * 1024 * 1024;

struct Options {
  ServerOptions server;
  std::string namespace_, flow;
  std::vector<std::string> inputs, labels;
  std::string idempotency_key, timeout, fail_on;
  int revision = 0;
  bool wait = false, follow = false;
};

// Ids of the flow's inputs that take a file.
absl::StatusOr<std::set<std::string>> FileInputs(const Options& options, const Server& server) {
  v1::GetFlowRequest request;
  request.set_tenant(options.server.tenant);
  request.set_namespace_(options.namespace_);
  request.set_id(options.flow);
  request.set_revision(options.revision);
  v1::Flow flow;
  ORCH_RETURN_IF_ERROR(server.rpc->Call("FlowService/GetFlow", request, &flow));
  std::set<std::string> ids;
  const auto document = expression::ParseJson(flow.document().utf8());
  if (!document.ok()) return UnreadableAnswer("a flow");
  const expression::Value* inputs = document->Find("inputs");
  if (inputs == nullptr || !inputs->is_sequence()) return ids;
  for (const expression::Value& input : inputs->items()) {
    const expression::Value* id = input.Find("id");
    const expression::Value* type = input.Find("type");
    if (id != nullptr && id->is_string() && type != nullptr && type->is_string() &&
        type->AsString() == "FILE") {
      ids.insert(id->AsString());
    }
  }
  return ids;
}

// `key=value` and `key=@file` as parts of a form. A file goes as a file where the flow takes one;
// elsewhere its text is the value.
absl::StatusOr<std::vector<FormPart>> Parts(const Options& options, const Server& server) {
  std::vector<FormPart> parts;
  std::vector<size_t> files;
  for (const std::string& input : options.inputs) {
    const size_t equals = input.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError(absl::StrCat("'", input, "' is no input; write KEY=VALUE or KEY=@FILE"));
    }
    FormPart part{input.substr(0, equals), input.substr(equals + 1), ""};
    if (part.value.starts_with('@')) {
      part.file_path = part.value.substr(1);
      part.value.clear();
      if (part.file_path.empty()) {
        return UsageError(absl::StrCat("'", input, "' names no file after the @"));
      }
      files.push_back(parts.size());
    }
    parts.push_back(std::move(part));
  }
  if (files.empty()) return parts;
  ORCH_ASSIGN_OR_RETURN(const std::set<std::string> takers, FileInputs(options, server));
  for (const size_t at : files) {
    FormPart& part = parts[at];
    if (takers.contains(part.name)) continue;
    auto text = ReadFile(part.file_path, kTextFileBytesMax);
    if (!text.ok()) return WithExitCode(text.status(), kUsage);
    part.value = *std::move(text);
    part.file_path.clear();
  }
  return parts;
}

std::string Query(const Options& options) {
  std::string query;
  const auto add = [&](std::string_view key, std::string_view value) {
    absl::StrAppend(&query, query.empty() ? "?" : "&", std::string(key), "=", UrlEscape(value));
  };
  for (const std::string& label : options.labels) {
    std::string pair = label;
    pair[pair.find('=')] = ':';
    add("labels", pair);
  }
  if (options.revision > 0) add("revision", absl::StrCat(options.revision));
  return query;
}

absl::StatusOr<std::string> Start(const Options& options, const Server& server,
                                  const Session& session) {
  for (const std::string& label : options.labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError(absl::StrCat("'", label, "' is no label; write KEY=VALUE"));
    }
  }
  ORCH_ASSIGN_OR_RETURN(const std::vector<FormPart> parts, Parts(options, server));
  Form form = MakeForm(parts, session.random);
  HttpRequest request;
  request.method = "POST";
  request.target = server.Api(absl::StrCat("/executions/trigger/", UrlEscape(options.namespace_),
                                           "/", UrlEscape(options.flow), Query(options)));
  request.headers = server.credential.Headers();
  request.headers.emplace_back("Content-Type", form.content_type);
  if (!options.idempotency_key.empty()) {
    request.headers.emplace_back("Idempotency-Key", options.idempotency_key);
  }
  request.body = std::move(form.body);
  ORCH_ASSIGN_OR_RETURN(HttpResponse response, server.http->Send(request));
  if (response.status < 200 || response.status > 299) {
    return ServerError(response.status, response.body, response.Header("x-request-id"));
  }
  return std::move(response.body);
}

int StartAndShow(const Options& options, const Session& session) {
  if (!options.fail_on.empty() && options.fail_on != "warning") {
    return session.Finish(UsageError("--fail-on takes the word warning"));
  }
  FollowOptions follow{.show = options.follow};
  if (!options.timeout.empty()) {
    absl::Duration duration;
    if (const auto timeout = flow::ParseDuration(options.timeout)) {
      duration = *timeout;
    } else if (!absl::ParseDuration(options.timeout, &duration)) {
      return session.Finish(
          UsageError("--timeout takes a duration, as 90s, 5m or PT5M, not " + options.timeout));
    }
    follow.timeout = duration;
  }
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  const auto started = Start(options, *server, session);
  if (!started.ok()) return session.Finish(started.status());
  const auto json = expression::ParseJson(*started);
  const auto view = json.ok() ? ExecutionView::Of(*json) : json.status();
  if (!view.ok()) return session.Finish(UnreadableAnswer("a started execution"));
  const bool stays = options.wait || options.follow;
  if (!options.server.json()) {
    session.console.Out(view->id + "\n");
  } else if (!stays) {
    session.console.Out(*started + (started->ends_with('\n') ? "" : "\n"));
  }
  if (!stays) return kOk;
  DetachOnInterrupt();
  const auto end = FollowToEnd(*server, view->id, session, follow);
  if (!end.ok()) return session.Finish(end.status());
  if (options.server.json()) {
    session.console.Out(end->json + (end->json.ends_with('\n') ? "" : "\n"));
  } else if (!options.follow) {
    session.console.Say(absl::StrCat(Paint(end->view.state, InkOfState(end->view.state),
                                           session.console.options().talk_colors)));
  }
  return ExitCodeOfState(end->view.state, options.fail_on == "warning");
}

}  // namespace

void AddRun(Verb root, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = root.Add("run", "Starts a flow and prints the execution's id.");
  verb.Positional("NAMESPACE", &options->namespace_, "The flow's namespace.", Need::kRequired)
      .Positional("FLOW", &options->flow, "The flow's id.", Need::kRequired)
      .Options("-i,--input", &options->inputs, "KEY=VALUE", "An input; KEY=@FILE sends a file.")
      .Options("--label", &options->labels, "KEY=VALUE", "A label.")
      .Option("--revision", &options->revision, "N", "An older revision.")
      .Flag("--wait", &options->wait, "Wait for the end; the exit code tells the state.")
      .Flag("--follow", &options->follow, "Show the execution until it ends; as --wait.")
      .Option("--timeout", &options->timeout, "DURATION", "Wait no longer than this; exit 7.")
      .Option("--fail-on", &options->fail_on, "warning", "Exit 13 when it ends in WARNING.")
      .Option("--idempotency-key", &options->idempotency_key, "KEY",
              "The same key and inputs start one execution, however often.");
  options->server.AddTo(verb);
  verb.Footer("Exit: 0 SUCCESS, 10 FAILED, 11 KILLED, 12 CANCELLED, 13 WARNING (with --fail-on).");
  verb.Run([options, session] { return StartAndShow(*options, session); });
}

}  // namespace orch::cli
