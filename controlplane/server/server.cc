#include "controlplane/server/server.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/notification.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/thread_executor.h"
#include "base/thread_pool.h"
#include "controlplane/api/access.h"
#include "controlplane/api/execution_service.h"
#include "controlplane/api/flow_service.h"
#include "controlplane/api/instance_service.h"
#include "controlplane/api/kv_service.h"
#include "controlplane/api/log_bell.h"
#include "controlplane/api/log_service.h"
#include "controlplane/catalog/flow_catalog.h"
#include "controlplane/catalog/key_values.h"
#include "controlplane/catalog/task_type_catalog.h"
#include "controlplane/conductor/strand.h"
#include "controlplane/dispatch/dispatch.h"
#include "controlplane/dispatch/grpc_services.h"
#include "controlplane/dispatch/log_intake.h"
#include "controlplane/facts/fact_fetcher.h"
#include "controlplane/gateway/gateway.h"
#include "controlplane/gateway/management.h"
#include "controlplane/server/metrics.h"
#include "controlplane/server/stored_files.h"
#include "controlplane/storage/local/local_file_store.h"
#include "controlplane/store/postgres/postgres_store.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "controlplane/system/system_worker.h"
#include "secrets/sealer.h"

namespace orch::server {

namespace {

constexpr char kVersion[] = "0.1.0";
constexpr int kApiThreadCount = 8;
constexpr absl::Duration kDrainMax = absl::Seconds(10);
constexpr absl::Duration kWorkerListMax = absl::Seconds(2);
constexpr int64_t kOutputsBytesMax = int64_t{16} << 20;
constexpr int kGrpcMessageBytesMax = 4 << 20;  // Messages stay below 1 MiB; more is a broken peer.

class EngineSealer final : public engine::Sealer {
 public:
  explicit EngineSealer(secrets::AesSealer sealer) : sealer_(std::move(sealer)) {}
  absl::StatusOr<std::string> Seal(std::string_view plain, uint64_t seed) const override {
    return sealer_.Seal(plain, seed);
  }
  absl::StatusOr<std::string> Open(std::string_view sealed) const override {
    return sealer_.Open(sealed);
  }

 private:
  const secrets::AesSealer sealer_;
};

class CatalogFlows final : public conductor::Flows {
 public:
  explicit CatalogFlows(catalog::FlowCatalog& flows) : flows_(flows) {}
  absl::StatusOr<std::shared_ptr<const flow::Flow>> Get(const std::string& tenant,
                                                        const std::string& namespace_,
                                                        const std::string& id,
                                                        int revision) override {
    return flows_.GetRunnable(tenant, namespace_, id, revision);
  }

 private:
  catalog::FlowCatalog& flows_;
};

// KESTRA_X and ENV_X as `envs.x`; ENV_ wins.
expression::Value EnvsOf(const std::vector<std::string>& environment) {
  std::map<std::string, std::string> envs;
  for (const std::string_view prefix : {"KESTRA_", "ENV_"}) {
    for (const std::string& line : environment) {
      const size_t equals = line.find('=');
      if (equals == std::string::npos || line.compare(0, prefix.size(), prefix) != 0) continue;
      std::string name = line.substr(prefix.size(), equals - prefix.size());
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      envs[name] = line.substr(equals + 1);
    }
  }
  expression::MapBuilder map;
  for (const auto& [name, value] : envs) map.Set(name, expression::Value::String(value));
  return map.Build();
}

absl::Status CheckHost(const std::string& host) {
  if (host == "127.0.0.1" || host == "localhost" || host == "::1") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("this server has neither TLS nor credentials and listens on loopback alone; '",
                   host, "' is not loopback: use 127.0.0.1 and a tunnel or proxy on this machine"));
}

absl::StatusOr<std::string> ReadOutputs(storage::FileStore& files,
                                        const conductor::LeasedRun& lease,
                                        const std::string& uri_text) {
  ORCH_ASSIGN_OR_RETURN(const storage::FileUri uri, storage::FileUri::Parse(uri_text));
  if (!uri.BelongsTo(lease.namespace_, lease.flow_id, lease.execution_id)) {
    return absl::PermissionDeniedError("they are no file of this execution");
  }
  ORCH_ASSIGN_OR_RETURN(const storage::FileInfo info, files.Stat(lease.tenant, uri));
  if (info.size > kOutputsBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("they have ", info.size, " bytes, more than 16 MiB"));
  }
  ORCH_ASSIGN_OR_RETURN(const auto source, files.Open(lease.tenant, uri));
  std::string text(static_cast<size_t>(info.size), '\0');
  size_t size = 0;
  while (size < text.size()) {
    ORCH_ASSIGN_OR_RETURN(const size_t got, source->Read(text.data() + size, text.size() - size));
    if (got == 0) break;
    size += got;
  }
  text.resize(size);
  return text;
}

// Members stand in the order in which they are built, and so are destroyed in the opposite one.
class WiredServer final : public Server {
 public:
  explicit WiredServer(ServerOptions options) : options_(std::move(options)) {}
  ~WiredServer() override { Drain(); }

  int http_port() const override { return http_port_; }
  int grpc_port() const override { return grpc_port_; }
  int management_port() const override { return management_port_; }
  bool ready() const override {
    return !draining_ && strand_ != nullptr && strand_->counts().ready;
  }
  std::string DescribeStore() const override { return store_->Describe(); }

  absl::Status Open();
  void Drain() override;

 private:
  absl::Status OpenStore();
  absl::Status Wire();
  absl::Status Listen();
  v1::WorkerList Workers();

  const ServerOptions options_;
  RealClock clock_;
  SystemRandom random_;
  std::unique_ptr<storage::FileStore> files_;
  std::unique_ptr<store::Store> store_;
  std::optional<catalog::TaskTypeCatalog> types_;
  std::optional<catalog::FlowCatalog> flows_;
  std::optional<catalog::KeyValues> keys_;
  std::optional<CatalogFlows> runnable_flows_;
  expression::Renderer renderer_;
  std::unique_ptr<EngineSealer> sealer_;
  std::shared_ptr<const flow::TaskTypes> engine_types_;
  engine::Environment environment_;
  // What runs on them is destroyed before their threads end; Drain stops them first.
  std::unique_ptr<ThreadPool> pool_;
  std::unique_ptr<ThreadPool> fact_pool_;
  std::unique_ptr<ThreadExecutor> background_;
  std::unique_ptr<ThreadExecutor> log_writer_;
  std::unique_ptr<ThreadExecutor> system_runner_;
  std::unique_ptr<ThreadExecutor> followers_;
  std::unique_ptr<ThreadExecutor> executor_;
  std::optional<facts::FactFetcher> facts_;
  api::LogBell bell_;
  std::unique_ptr<conductor::Strand> strand_;
  std::unique_ptr<dispatch::LogIntake> logs_;
  std::unique_ptr<dispatch::Dispatch> dispatch_;
  std::unique_ptr<system::SystemWorker> system_;
  std::unique_ptr<StoredFiles> stored_files_;
  std::unique_ptr<dispatch::WorkerServiceImpl> worker_service_;
  std::unique_ptr<dispatch::FileServiceImpl> file_service_;
  std::unique_ptr<grpc::Server> grpc_;
  std::optional<api::ExecutionService> execution_service_;
  std::optional<api::FlowService> flow_service_;
  std::optional<api::LogService> log_service_;
  std::optional<api::KvService> kv_service_;
  std::optional<api::InstanceService> instance_service_;
  api::Operations operations_;
  api::LocalAccess access_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<gateway::Gateway> gateway_;
  std::unique_ptr<gateway::Management> management_;
  int http_port_ = 0;
  int grpc_port_ = 0;
  int management_port_ = 0;
  std::atomic<bool> draining_ = false;
  bool drained_ = false;
};

absl::Status WiredServer::OpenStore() {
  std::error_code error;
  std::filesystem::create_directories(options_.data, error);
  if (error) return ErrnoError(error.value(), "cannot make the data folder " + options_.data);
  if (options_.postgres.empty()) {
    store::sqlite::SqliteStore::Options sqlite;
    sqlite.folder = options_.data;
    ORCH_ASSIGN_OR_RETURN(store_, store::sqlite::SqliteStore::Open(std::move(sqlite), clock_));
  } else {
    store::postgres::PostgresStore::Options postgres;
    postgres.conninfo = options_.postgres;
    postgres.reader_count = kApiThreadCount;  // Nobody waits for a session.
    ORCH_ASSIGN_OR_RETURN(store_, store::postgres::PostgresStore::Open(postgres));
  }
  ORCH_ASSIGN_OR_RETURN(files_, storage::LocalFileStore::Open(options_.data + "/files"));
  std::filesystem::create_directories(options_.data + "/spool", error);
  if (error) return ErrnoError(error.value(), "cannot make " + options_.data + "/spool");
  return absl::OkStatus();
}

absl::Status WiredServer::Wire() {
  ORCH_ASSIGN_OR_RETURN(flow::TaskTypes built_in, flow::TaskTypes::BuiltIn());
  engine_types_ = std::make_shared<flow::TaskTypes>(built_in);
  types_.emplace(*store_, clock_, std::move(built_in));
  ORCH_ASSIGN_OR_RETURN(const int unread, types_->Load());
  if (unread > 0) {
    Log(LogLevel::kWarning, "stored schemas cannot be read; their workers bring them again",
        {{"count", unread}});
  }
  catalog::FlowCatalog::Options flows;
  flows.sole_writer = options_.postgres.empty();
  flows_.emplace(*store_, *types_, clock_, std::move(flows));
  keys_.emplace(*store_, clock_);
  runnable_flows_.emplace(*flows_);
  if (!options_.encryption_key.empty()) {
    ORCH_ASSIGN_OR_RETURN(secrets::AesSealer sealer,
                          secrets::AesSealer::FromKey(options_.encryption_key));
    sealer_ = std::make_unique<EngineSealer>(std::move(sealer));
  }
  environment_.renderer = &renderer_;
  environment_.types = engine_types_.get();
  environment_.sealer = sealer_.get();
  environment_.envs = EnvsOf(options_.environment);
  environment_.globals = expression::MapBuilder().Build();

  pool_ = std::make_unique<ThreadPool>(
      ThreadPool::Options{.name = "api", .thread_count = kApiThreadCount});
  fact_pool_ = std::make_unique<ThreadPool>(ThreadPool::Options{.name = "facts"});
  background_ = std::make_unique<ThreadExecutor>("background");
  log_writer_ = std::make_unique<ThreadExecutor>("logs");
  system_runner_ = std::make_unique<ThreadExecutor>("system");
  followers_ = std::make_unique<ThreadExecutor>("followers");
  executor_ = std::make_unique<ThreadExecutor>("strand");
  facts_.emplace(*keys_, facts::EnvironmentSecrets(options_.environment), *files_, *store_,
                 *fact_pool_);

  const std::string owner = NewTimeId(clock_, random_);
  conductor::Strand::Options strand;
  strand.owner = owner;
  strand.shard_ttl = options_.shard_ttl;
  strand_ = std::make_unique<conductor::Strand>(strand, clock_, random_, *executor_, *background_,
                                                *store_, *runnable_flows_, *facts_, environment_);
  logs_ = std::make_unique<dispatch::LogIntake>(
      dispatch::LogIntake::Options(), *executor_, *log_writer_, *store_,
      [this](const std::string& session, const v1::LeaseToken& token, int64_t line) {
        dispatch_->AckLines(session, token, line);
      },
      [this](const store::LogChunkRow& chunk, const v1::LogLines&) {
        bell_.Ring(chunk.execution_id, chunk.attempt);
      });
  dispatch::DispatchHooks hooks;
  hooks.knows_schema = [this](const std::string& type, const std::string& digest) {
    return types_->Knows(type, digest);
  };
  hooks.keep_schema = [this](const v1::CatalogEntry& entry) {
    background_->Post([this, entry] {
      const absl::Status kept =
          types_->Bring({{entry.type(), entry.version(), entry.schema().utf8(), entry.markdown()}});
      if (!kept.ok()) {
        Log(LogLevel::kWarning, "a worker's schema was not kept",
            {{"type", entry.type()}, {"error", std::string(kept.message())}});
      }
    });
  };
  hooks.read_outputs = [this](const conductor::LeasedRun& lease, const std::string& uri,
                              std::function<void(absl::StatusOr<std::string>)> done) {
    background_->Post(
        [this, lease, uri, done = std::move(done)] { done(ReadOutputs(*files_, lease, uri)); });
  };
  dispatch::Dispatch::Options dispatch;
  dispatch.lease_ttl = options_.lease_ttl;
  dispatch_ = std::make_unique<dispatch::Dispatch>(dispatch, clock_, *executor_, *strand_, *logs_,
                                                   std::move(hooks));
  strand_->SetDispatcher(dispatch_.get());
  system_ = std::make_unique<system::SystemWorker>(system::SystemWorker::Options{.owner = owner},
                                                   *executor_, *system_runner_, *dispatch_, *keys_);

  const api::Live live{store_.get(),     strand_.get(), strand_.get(), &bell_,
                       followers_.get(), pool_.get(),   &clock_};
  execution_service_.emplace(api::ExecutionService::Parts{
      .live = live,
      .flows = &*flows_,
      .facts = &*facts_,
      .files = files_.get(),
      .environment = &environment_,
      .random = &random_,
      .file_bytes_max = options_.http_body_bytes_max,
  });
  flow_service_.emplace(*flows_, clock_, random_);
  log_service_.emplace(live);
  kv_service_.emplace(*keys_, *flows_, clock_, random_);
  api::InstanceService::Options instance;
  instance.uuid = owner;
  instance.version = kVersion;
  instance.store = options_.postgres.empty() ? "sqlite" : "postgres";
  instance.upload_bytes_max = options_.http_body_bytes_max;
  instance.workers = [this] { return Workers(); };
  instance_service_.emplace(std::move(instance));
  execution_service_->Register(&operations_);
  flow_service_->Register(&operations_);
  log_service_->Register(&operations_);
  kv_service_->Register(&operations_);
  instance_service_->Register(&operations_);
  return operations_.Check();
}

absl::Status WiredServer::Listen() {
  stored_files_ = std::make_unique<StoredFiles>(*files_, options_.data + "/spool");
  worker_service_ = std::make_unique<dispatch::WorkerServiceImpl>(*dispatch_, *executor_);
  file_service_ = std::make_unique<dispatch::FileServiceImpl>(
      dispatch::FileServiceImpl::Options(), *dispatch_, *executor_, *stored_files_);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat(options_.host, ":", options_.grpc_port),
                           grpc::InsecureServerCredentials(), &grpc_port_);
  builder.RegisterService(worker_service_.get());
  builder.RegisterService(file_service_.get());
  builder.SetMaxReceiveMessageSize(kGrpcMessageBytesMax);
  // Two servers on one port would each get half of the workers.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr || grpc_port_ == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("port ", options_.grpc_port, " of ", options_.host,
                     " is taken; stop who holds it, or give --grpc-port another one"));
  }

  gateway::Gateway::Options http;
  http.http.address = options_.host == "localhost" ? "127.0.0.1" : options_.host;
  http.http.port = options_.http_port;
  http.body.form_bytes_max = options_.http_body_bytes_max;
  http.body.spool_folder = options_.data + "/spool";
  gateway::HttpServer::Options management = http.http;
  management.port = options_.management_port;
  management.thread_count = 1;
  gateway_ = std::make_unique<gateway::Gateway>(std::move(http), &operations_, &access_,
                                                pool_.get(), &clock_, &random_);
  ORCH_ASSIGN_OR_RETURN(http_port_, gateway_->Start());
  metrics_ = std::make_unique<Metrics>([this] { return strand_->counts(); });
  management_ = std::make_unique<gateway::Management>(
      std::move(management),
      gateway::Management::Probes{.health = [] { return absl::OkStatus(); },
                                  .ready = [this]() -> absl::Status {
                                    if (draining_) return absl::UnavailableError("draining");
                                    if (!ready())
                                      return absl::UnavailableError("taking over shards");
                                    return store_->Check();
                                  }},
      &metrics_->registry(), pool_.get());
  ORCH_ASSIGN_OR_RETURN(management_port_, management_->Start());
  return absl::OkStatus();
}

absl::Status WiredServer::Open() {
  ORCH_RETURN_IF_ERROR(CheckHost(options_.host));
  ORCH_RETURN_IF_ERROR(OpenStore());
  ORCH_RETURN_IF_ERROR(Wire());
  executor_->Post([this] {
    strand_->Start();
    system_->Start();
  });
  return Listen();
}

v1::WorkerList WiredServer::Workers() {
  struct Answer {
    Notification told;
    std::vector<dispatch::Dispatch::WorkerInfo> workers;
  };
  const auto answer = std::make_shared<Answer>();
  executor_->Post([this, answer] {
    answer->workers = dispatch_->Workers();
    answer->told.Notify();
  });
  v1::WorkerList list;
  if (!answer->told.WaitFor(kWorkerListMax)) return list;
  for (const dispatch::Dispatch::WorkerInfo& info : answer->workers) {
    v1::WorkerView& view = *list.add_workers();
    view.set_id(info.worker_id);
    view.set_session(info.session);
    view.set_hostname(info.hostname);
    view.set_sdk(info.sdk);
    for (const std::string& group : info.groups) view.add_groups(group);
    for (const v1::Label& label : info.labels) *view.add_labels() = label;
    for (const std::string& type : info.types) view.add_types(type);
    view.set_slots(info.slots);
    view.set_held(static_cast<int>(info.leases));
    view.mutable_seen_date()->set_micros(absl::ToUnixMicros(clock_.Now() - info.silent_for));
    view.set_state(!info.connected ? "UNREACHABLE" : info.draining ? "DRAINING" : "CONNECTED");
  }
  return list;
}

// In the order in which work flows: nobody asks any more, nobody reports any more, then the strand's last
// batch, then threads, then what they stood on.
void WiredServer::Drain() {
  if (std::exchange(drained_, true)) return;
  draining_ = true;
  if (gateway_ != nullptr) gateway_->Stop();
  if (grpc_ != nullptr) {
    grpc_->Shutdown(
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(200, GPR_TIMESPAN)));
  }
  if (executor_ != nullptr && strand_ != nullptr) {
    const auto stopped = std::make_shared<Notification>();
    executor_->Post([this, stopped] { strand_->Stop([stopped] { stopped->Notify(); }); });
    if (!stopped->WaitFor(kDrainMax)) {
      Log(LogLevel::kWarning,
          "the last changes could not be stored in time; they were not "
          "acknowledged, and callers ask again");
    }
  }
  if (grpc_ != nullptr) grpc_->Wait();
  if (management_ != nullptr) management_->Stop();
  if (pool_ != nullptr) pool_->Stop();
  if (fact_pool_ != nullptr) fact_pool_->Stop();
  for (auto* executor : {followers_.get(), background_.get(), log_writer_.get(),
                         system_runner_.get(), executor_.get()}) {
    if (executor != nullptr) executor->Stop();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  auto server = std::make_unique<WiredServer>(std::move(options));
  ORCH_RETURN_IF_ERROR(server->Open());
  return server;
}

}  // namespace orch::server
