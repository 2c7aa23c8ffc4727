#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errors.h"
#include "cli/client/http.h"
#include "cli/client/rpc.h"
#include "cli/dev/beside.h"
#include "cli/dev/flows_folder.h"
#include "cli/dev/serving.h"
#include "cli/dev/verbs.h"
#include "cli/exit_code.h"
#include "orch/v1/flow_service.pb.h"
#include "worker/main/worker.h"
#include "worker/tasks/builtin.h"

namespace orch::cli {
namespace {

constexpr absl::Duration kDrainMax =
    absl::Seconds(15);  // Of the worker; then what runs is stopped.

struct Options {
  std::string data, flows, store = "sqlite", host = "127.0.0.1";
  bool ephemeral = false;
  int http_port = 8080, grpc_port = 50051, management_port = 8081, worker_slots = 8;
};

// A folder that goes when this does.
class Ephemeral {
 public:
  static absl::StatusOr<Ephemeral> Make() {
    std::error_code error;
    std::string path = (std::filesystem::temp_directory_path(error) / "orch-dev.XXXXXX").string();
    if (error || mkdtemp(path.data()) == nullptr) return ErrnoError(errno, "make a folder " + path);
    return Ephemeral(path);
  }
  Ephemeral(Ephemeral&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Ephemeral& operator=(Ephemeral&&) = delete;
  ~Ephemeral() {
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  explicit Ephemeral(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

absl::Status CheckOptions(const Options& options) {
  if (options.ephemeral && !options.data.empty()) {
    return UsageError("--ephemeral makes a folder of its own; leave out --data");
  }
  if (options.store != "sqlite" && !options.store.starts_with("postgres://") &&
      !options.store.starts_with("postgresql://")) {
    return UsageError("--store takes sqlite or a postgresql:// URL");
  }
  if (options.host != "127.0.0.1" && options.host != "localhost" && options.host != "::1") {
    return UsageError(absl::StrCat(
        "orch dev knows no credentials and serves this machine alone; it cannot listen on ",
        options.host));
  }
  for (const int port : {options.http_port, options.grpc_port, options.management_port}) {
    if (port < 0 || port > 65535) return UsageError(absl::StrCat(port, " is no port"));
  }
  if (options.worker_slots < 1) return UsageError("--worker-slots is 1 or more");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<worker::EmbeddedWorker>> StartWorker(const std::string& data,
                                                                    int grpc_port, int slots) {
  worker::WorkerOptions options;
  options.channel.server = absl::StrCat("127.0.0.1:", grpc_port);
  options.data = data + "/worker";
  options.shim = Beside("orch-shim");
  options.slots = slots;
  return worker::EmbeddedWorker::Start(std::move(options), worker::BuiltinTypes());
}

// Watches the folder of flows, if there is one, until a signal comes.
void Attend(const Options& options, int http_port, Signals& signals, const Session& session) {
  if (options.flows.empty()) {
    signals.Wait();
    return;
  }
  const HttpClient http({.host = "127.0.0.1", .port = static_cast<uint16_t>(http_port)}, {});
  const Rpc rpc(http, {});
  FlowsFolder folder(
      options.flows,
      [&](const std::string& text) {
        v1::ApplyFlowsRequest request;
        request.set_tenant("main");
        request.set_source(text);
        v1::FlowList applied;
        return rpc.Call("FlowService/ApplyFlows", request, &applied);
      },
      [&](const std::string& path, const absl::Status& status) {
        session.console.Say(status.ok() ? absl::StrCat("applied ", path)
                                        : absl::StrCat(path, ": ", std::string(status.message())));
      });
  const absl::Status watched = folder.Watch();
  if (!watched.ok()) session.console.Say(std::string(watched.message()));
  folder.Sync();
  while (true) {
    pollfd wanted[] = {{signals.fd(), POLLIN, 0}, {folder.fd(), POLLIN, 0}};
    if (poll(wanted, 2, -1) < 0 && errno != EINTR) break;
    if (wanted[0].revents != 0) break;
    if (wanted[1].revents != 0) {
      folder.Drain();
      folder.Sync();
    }
  }
}

absl::Status Serve(const Options& options, const Session& session) {
  const absl::Status checked = CheckOptions(options);
  if (!checked.ok()) return checked;
  if (!options.flows.empty() && !std::filesystem::is_directory(options.flows)) {
    return UsageError(absl::StrCat("--flows: there is no folder ", options.flows));
  }
  std::optional<Ephemeral> ephemeral;
  ServerConfig config;
  config.folder = options.data.empty() ? DefaultFolder() : options.data;
  if (options.ephemeral) {
    auto made = Ephemeral::Make();
    if (!made.ok()) return made.status();
    ephemeral.emplace(*std::move(made));
    config.folder = ephemeral->path();
  }
  if (options.store != "sqlite") {
    config.store = ServerConfig::Store::kPostgres;
    config.url = options.store;
  }
  config.http_port = options.http_port;
  config.grpc_port = options.grpc_port;
  config.management_port = options.management_port;
  auto server_options = OptionsOf(config, OwnKey::kInItsFolder, session);
  if (!server_options.ok()) return WithExitCode(server_options.status(), kGeneric);

  Signals signals;
  const auto server = StartAndWait(*std::move(server_options), signals);
  if (!server.ok()) {
    if (server.status().code() == absl::StatusCode::kCancelled) return absl::OkStatus();
    return WithExitCode(server.status(), kGeneric);
  }
  const auto worker = StartWorker(config.folder, (*server)->grpc_port(), options.worker_slots);
  if (!worker.ok()) {
    (*server)->Drain();
    return WithExitCode(worker.status(), kGeneric);
  }
  TellAddresses(**server, "orch dev", session);
  Attend(options, (*server)->http_port(), signals, session);

  session.console.Say("draining; a second signal does not wait");
  (*worker)->Drain("orch dev ends");
  if (!(*worker)->WaitUntilEnded(kDrainMax)) (*worker)->Halt();
  (*worker)->WaitUntilEnded(kDrainMax);
  (*server)->Drain();
  return absl::OkStatus();
}

}  // namespace

void AddDev(Verb root, const Session& session) {
  auto options = std::make_shared<Options>();
  Verb verb = root.Add("dev", "Runs a control plane and a worker in one process, on this machine.");
  verb.Option("--data", &options->data, "DIR", "Where data lives; ~/.local/share/orch unless said.")
      .Flag("--ephemeral", &options->ephemeral, "Keep data in a folder that goes at the end.")
      .Option("--http-port", &options->http_port, "N", "API and page; 8080 unless said, 0 for any.")
      .Option("--grpc-port", &options->grpc_port, "N", "Workers; 50051 unless said, 0 for any.")
      .Option("--management-port", &options->management_port, "N",
              "Health and metrics; 8081 unless said, 0 for any.")
      .Option("--worker-slots", &options->worker_slots, "N", "Tasks at a time; 8 unless said.")
      .Option("--flows", &options->flows, "DIR", "Apply the flows of a folder, and watch it.")
      .Option("--store", &options->store, "sqlite|URL", "sqlite, or a postgresql:// URL.")
      .Option("--host", &options->host, "ADDRESS", "Loopback, and nothing else.");
  verb.Run([options, session] { return session.Finish(Serve(*options, session)); });
}

}  // namespace orch::cli
