#include <algorithm>
#include <cctype>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/client/errors.h"
#include "cli/client/sse.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"
#include "cli/output/json.h"
#include "expression/json.h"
#include "orch/v1/log_service.pb.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string id, level = "TRACE", task;
  bool follow = false;
};

Ink InkOfLevel(std::string_view level) {
  if (level == "ERROR") return Ink::kRed;
  if (level == "WARN") return Ink::kYellow;
  if (level == "INFO") return Ink::kGreen;
  return Ink::kDim;
}

std::string Line(const std::string& time, std::string level, const std::string& task,
                 const std::string& message, bool colors) {
  const Ink ink = InkOfLevel(level);
  level.resize(5, ' ');
  std::string line = absl::StrCat(Paint(time, Ink::kDim, colors), " ", Paint(level, ink, colors));
  if (!task.empty()) absl::StrAppend(&line, " ", Paint(task, Ink::kCyan, colors));
  return absl::StrCat(line, " ", Visible(message), "\n");
}

int Show(const Options& options, const Server& server, v1::LogLevel level, const Session& session) {
  v1::LogsRequest request;
  request.set_tenant(options.server.tenant);
  request.set_execution_id(options.id);
  request.set_min_level(level);
  request.set_task_id(options.task);
  v1::LogList list;
  const absl::Status status = server.rpc->Call("LogService/ListLogs", request, &list);
  if (!status.ok()) return session.Finish(status);
  if (options.server.json()) {
    session.console.Out(JsonArrayLine(list, "entries"));
    return kOk;
  }
  std::string text;
  for (const v1::LogEntry& entry : list.entries()) {
    text += Line(absl::FormatTime("%H:%M:%E3S", absl::FromUnixMicros(entry.timestamp().micros()),
                                  absl::LocalTimeZone()),
                 v1::LogLevel_Name(entry.level()), entry.task_id(), entry.message(),
                 session.console.options().out_colors);
  }
  session.console.Out(text);
  return kOk;
}

// A line of the stream, whose JSON is passed on as it came under -o json.
void ShowEvent(const SseEvent& event, const Options& options, const Session& session) {
  if (options.server.json()) {
    session.console.Out(event.data + "\n");
    return;
  }
  const auto entry = expression::ParseJson(event.data);
  if (!entry.ok() || !entry->is_map()) return;
  const auto text = [&](std::string_view key) {
    const expression::Value* value = entry->Find(key);
    return value != nullptr && value->is_string() ? value->AsString() : std::string();
  };
  absl::Time time;
  std::string error;
  std::string when = text("timestamp");
  if (absl::ParseTime(absl::RFC3339_full, when, &time, &error)) {
    when = absl::FormatTime("%H:%M:%E3S", time, absl::LocalTimeZone());
  }
  session.console.Out(Line(when, text("level"), text("taskId"), text("message"),
                           session.console.options().out_colors));
}

int Follow(const Options& options, const Server& server, v1::LogLevel level,
           const Session& session) {
  HttpRequest request;
  request.target = server.Api(
      absl::StrCat("/logs/", UrlEscape(options.id), "/follow?minLevel=", v1::LogLevel_Name(level)));
  if (!options.task.empty()) absl::StrAppend(&request.target, "&taskId=", UrlEscape(options.task));
  HttpClient::Options limits;
  limits.idle_timeout = absl::Minutes(10);
  const HttpClient http(server.http->server(), limits);
  SseParser parser;
  bool ended = false;
  // A connection that breaks goes on behind the last line; so often, before it is given up.
  for (int broken = 0; broken < 30; ++broken) {
    HttpRequest next = request;
    next.headers = server.credential.Headers();
    next.headers.emplace_back("Accept", "text/event-stream");
    if (!parser.last_id().empty()) next.headers.emplace_back("Last-Event-ID", parser.last_id());
    const auto response = http.Stream(next, [&](std::string_view piece) {
      for (const SseEvent& event : parser.Feed(piece)) {
        broken = 0;
        if (!event.data.empty()) ShowEvent(event, options, session);
        if (event.id == "end") ended = true;
      }
      return !ended;
    });
    if (response.ok() && (response->status < 200 || response->status > 299)) {
      return session.Finish(
          ServerError(response->status, response->body, response->Header("x-request-id")));
    }
    if (ended || response.ok()) return kOk;
    if (response.status().code() != absl::StatusCode::kUnavailable || broken == 29) {
      return session.Finish(response.status());
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  return kOk;
}

int Logs(const Options& options, const Session& session) {
  std::string word = options.level;
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  v1::LogLevel level;
  if (!v1::LogLevel_Parse(word, &level) || level == v1::LOG_LEVEL_UNSPECIFIED) {
    return session.Finish(UsageError("'" + options.level +
                                     "' is no level; there are TRACE, DEBUG, INFO, WARN, ERROR"));
  }
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  return options.follow ? Follow(options, *server, level, session)
                        : Show(options, *server, level, session);
}

}  // namespace

void AddExecutionLogs(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("logs", "Prints what an execution said.");
  verb.Positional("ID", &options->id, "Its id.", Need::kRequired)
      .Flag("-f,--follow", &options->follow, "Go on until it ends.")
      .Option("--level", &options->level, "LEVEL", "From this level on; TRACE unless said.")
      .Option("--task", &options->task, "ID", "Of one task.");
  options->server.AddTo(verb);
  verb.Run([options, session] { return Logs(*options, session); });
}

}  // namespace orch::cli
