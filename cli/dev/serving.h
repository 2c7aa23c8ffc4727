#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/command/session.h"
#include "cli/dev/config.h"
#include "cli/dev/signals.h"
#include "controlplane/server/server.h"

namespace orch::cli {

// Where the key comes from that seals SECRET inputs, when the environment names none.
enum class OwnKey {
  kNone,         // Nowhere: nothing can be sealed.
  kInItsFolder,  // A file of its own in the data folder, made at the first start.
};

// What the server of this process is told: the configuration, and of the environment
// ORCH_ENCRYPTION_SECRET_KEY, SECRET_*, KESTRA_* and ENV_*.
//   kFailedPrecondition, …  the file of the key can be neither read nor made.
absl::StatusOr<server::ServerOptions> OptionsOf(const ServerConfig& config, OwnKey own_key,
                                                const Session& session);

// Starts a server and waits until it answers. A signal ends the waiting.
//   kCancelled  a signal came first.
absl::StatusOr<std::unique_ptr<server::Server>> StartAndWait(server::ServerOptions options,
                                                             const Signals& signals);

// Prints where the server answers.
void TellAddresses(const server::Server& server, std::string_view name, const Session& session);

}  // namespace orch::cli
