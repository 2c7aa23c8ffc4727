// orch-controlplane: the server alone.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/log.h"
#include "controlplane/server/server.h"

extern char** environ;

int main(int argc, char** argv) {
  orch::server::ServerOptions options;
  options.data = "orch-data";
  CLI::App app{"The Orch control plane"};
  app.add_option("--data", options.data, "Folder for files and, without --postgres, the store");
  app.add_option("--postgres", options.postgres, "libpq connection string; SQLite without it");
  app.add_option("--host", options.host, "Address to listen on; loopback alone");
  app.add_option("--http-port", options.http_port, "API; 0 for any free port");
  app.add_option("--grpc-port", options.grpc_port, "Workers; 0 for any free port");
  app.add_option("--management-port", options.management_port, "Health and metrics");
  CLI11_PARSE(app, argc, argv);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view line = *entry;
    for (const std::string_view prefix : {"SECRET_", "KESTRA_", "ENV_"}) {
      if (line.starts_with(prefix)) options.environment.emplace_back(line);
    }
  }
  if (const char* key = std::getenv("ORCH_ENCRYPTION_SECRET_KEY")) options.encryption_key = key;

  // Blocked before any thread starts, so that this thread alone receives them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  auto server = orch::server::Server::Start(std::move(options));
  if (!server.ok()) {
    std::fprintf(stderr, "orch-controlplane: %s\n", std::string(server.status().message()).c_str());
    return 1;
  }
  orch::Log(orch::LogLevel::kInfo, "listening",
            {{"http", (*server)->http_port()},
             {"grpc", (*server)->grpc_port()},
             {"management", (*server)->management_port()},
             {"store", (*server)->DescribeStore()}});
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  orch::Log(orch::LogLevel::kInfo, "draining; a second signal ends at once");
  // The second one is not waited for politely.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  (*server)->Drain();
  return 0;
}
