#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "cli/client/errors.h"
#include "cli/command/server.h"
#include "cli/command/verbs.h"
#include "cli/exit_code.h"

namespace orch::cli {
namespace {

struct Options {
  ServerOptions server;
  std::string id, uri, to;
};

int Download(const Options& options, const Session& session) {
  const auto server = options.server.Open();
  if (!server.ok()) return session.Finish(server.status());
  HttpRequest request;
  request.target = server->Api(
      absl::StrCat("/executions/", UrlEscape(options.id), "/file?path=", UrlEscape(options.uri)));
  request.headers = server->credential.Headers();
  std::FILE* file = nullptr;
  absl::Status written;
  const auto response = server->http->Stream(request, [&](std::string_view piece) {
    if (options.to.empty()) {
      session.console.Out(piece);
      return true;
    }
    if (file == nullptr) file = std::fopen(options.to.c_str(), "wb");
    if (file == nullptr || std::fwrite(piece.data(), 1, piece.size(), file) != piece.size()) {
      written = ErrnoError(errno, "write " + options.to);
      return false;
    }
    return true;
  });
  const bool good = response.ok() && response->status >= 200 && response->status < 300;
  // A file without contents is a file.
  if (good && written.ok() && file == nullptr && !options.to.empty()) {
    file = std::fopen(options.to.c_str(), "wb");
    if (file == nullptr) written = ErrnoError(errno, "write " + options.to);
  }
  if (file != nullptr && std::fclose(file) != 0 && written.ok()) {
    written = ErrnoError(errno, "write " + options.to);
  }
  if (!written.ok()) return session.Finish(WithExitCode(written, kGeneric));
  if (!response.ok()) return session.Finish(response.status());
  if (!good) {
    return session.Finish(
        ServerError(response->status, response->body, response->Header("x-request-id")));
  }
  return kOk;
}

}  // namespace

void AddExecutionFiles(Verb noun, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = noun.Add("files", "Fetches a file of an execution by its kestra:/// address.");
  verb.Positional("ID", &options->id, "The execution's id.", Need::kRequired)
      .Positional("ADDRESS", &options->uri, "As an output tells it.", Need::kRequired)
      .Option("--to", &options->to, "FILE", "Where to; stdout unless said.");
  options->server.AddTo(verb);
  verb.Run([options, session] { return Download(*options, session); });
}

}  // namespace orch::cli
