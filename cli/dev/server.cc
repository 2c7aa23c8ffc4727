#include <memory>
#include <string>

#include "base/file.h"
#include "cli/dev/serving.h"
#include "cli/dev/verbs.h"
#include "cli/exit_code.h"

namespace orch::cli {
namespace {

constexpr size_t kConfigBytesMax = 1024 * 1024;

int Serve(const std::string& path, const Session& session) {
  const auto text = ReadFile(path, kConfigBytesMax);
  if (!text.ok()) return session.Finish(WithExitCode(text.status(), kUsage));
  const auto config = ServerConfig::Read(*text);
  if (!config.ok()) return session.Finish(config.status());
  auto options = OptionsOf(*config, OwnKey::kNone, session);
  if (!options.ok()) return session.Finish(options.status());
  Signals signals;
  const auto server = StartAndWait(*std::move(options), signals);
  if (!server.ok()) {
    return server.status().code() == absl::StatusCode::kCancelled
               ? kOk
               : session.Finish(WithExitCode(server.status(), kGeneric));
  }
  TellAddresses(**server, "orch server", session);
  signals.Wait();
  session.console.Say("draining; a second signal does not wait");
  (*server)->Drain();
  return kOk;
}

}  // namespace

void AddServer(Verb root, const Session& session) {
  auto path = std::make_shared<std::string>();
  Verb verb = root.Add("server", "Runs a control plane, without a worker.");
  verb.RequiredOption("--config", path.get(), "FILE", "Its configuration, in YAML.");
  verb.Run([path, session] { return Serve(*path, session); });
}

}  // namespace orch::cli
