#include "cli/dev/serving.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/status_macros.h"

namespace orch::cli {
namespace {

constexpr int kStartSeconds = 60;

absl::StatusOr<std::string> KeyIn(const std::string& folder, Random& random) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return ErrnoError(error.value(), "make " + folder);
  const std::string path = folder + "/encryption.key";
  auto kept = ReadFile(path, 4096);
  if (kept.ok()) {
    while (!kept->empty() && kept->back() == '\n') kept->pop_back();
    return kept;
  }
  if (kept.status().code() != absl::StatusCode::kNotFound) return kept.status();
  std::array<uint8_t, 32> bytes;
  random.Fill(bytes);
  const std::string key = absl::Base64Escape(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  ORCH_RETURN_IF_ERROR(WriteFileAtomically(path, key + "\n", 0600));
  return key;
}

bool Readable(int fd, int milliseconds) {
  pollfd wanted = {fd, POLLIN, 0};
  return poll(&wanted, 1, milliseconds) == 1;
}

}  // namespace

absl::StatusOr<server::ServerOptions> OptionsOf(const ServerConfig& config, OwnKey own_key,
                                                const Session& session) {
  server::ServerOptions options;
  options.data = config.folder;
  options.postgres = config.store == ServerConfig::Store::kPostgres ? config.url : "";
  options.http_port = config.http_port;
  options.grpc_port = config.grpc_port;
  options.management_port = config.management_port;
  options.lease_ttl = config.lease_ttl;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view pair = *entry;
    for (const std::string_view prefix : {"SECRET_", "KESTRA_", "ENV_"}) {
      if (pair.starts_with(prefix)) options.environment.emplace_back(pair);
    }
  }
  if (const char* key = std::getenv("ORCH_ENCRYPTION_SECRET_KEY")) {
    options.encryption_key = key;
  } else if (own_key == OwnKey::kInItsFolder) {
    ORCH_ASSIGN_OR_RETURN(options.encryption_key, KeyIn(config.folder, session.random));
  }
  return options;
}

absl::StatusOr<std::unique_ptr<server::Server>> StartAndWait(server::ServerOptions options,
                                                             const Signals& signals) {
  ORCH_ASSIGN_OR_RETURN(std::unique_ptr<server::Server> server,
                        server::Server::Start(std::move(options)));
  for (int i = 0; i < kStartSeconds * 50 && !server->ready(); ++i) {
    if (Readable(signals.fd(), 20)) {
      server->Drain();
      return absl::CancelledError("ended before the server was ready");
    }
  }
  if (!server->ready()) {
    server->Drain();
    return absl::DeadlineExceededError(
        absl::StrCat("the server has not come to own its shards within ", kStartSeconds,
                     " s; is another one alive on this store?"));
  }
  return server;
}

void TellAddresses(const server::Server& server, std::string_view name, const Session& session) {
  session.console.Out(absl::StrCat(std::string(name),
                                   " is ready\n  http        http://127.0.0.1:", server.http_port(),
                                   "\n  management  http://127.0.0.1:", server.management_port(),
                                   "\n  grpc        127.0.0.1:", server.grpc_port(),
                                   "\n  store       ", server.DescribeStore(), "\n"));
}

}  // namespace orch::cli
