// All services over a store in a folder, and a conductor that commits what it is told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <optional>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/notification.h"
#include "base/thread_executor.h"
#include "controlplane/api/access.h"
#include "controlplane/api/declarations.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/execution_service.h"
#include "controlplane/api/execution_view.h"
#include "controlplane/api/flow_service.h"
#include "controlplane/api/instance_service.h"
#include "controlplane/api/json/codec.h"
#include "controlplane/api/kv_service.h"
#include "controlplane/api/log_service.h"
#include "controlplane/engine/execution.h"
#include "controlplane/storage/local/local_file_store.h"
#include "controlplane/store/sqlite/sqlite_store.h"
#include "orch/v1/kv_service.pb.h"
#include "orch/v1/log_service.pb.h"
#include "orch/v1/worker.pb.h"

namespace orch::api {

inline std::string NewFolder() {
  const char* base = std::getenv("TEST_TMPDIR");
  std::string pattern = std::string(base == nullptr ? "/tmp" : base) + "/api.XXXXXX";
  return mkdtemp(pattern.data());
}

// A conductor that commits what it is told, by one shard, and tells watchers; it decides nothing.
class FakeConductor final : public conductor::Requests, public conductor::Watch {
 public:
  explicit FakeConductor(store::Store& store)
      : store_(store), shard_(store.TakeShards("test", absl::Hours(1))->at(0)) {}

  void Create(conductor::CreateRequest request,
              std::function<void(absl::StatusOr<conductor::Created>)> done) override {
    last = request;
    if (refuse) return done(*refuse);
    store::v1::ExecutionHead head;
    head.set_id(request.execution_id);
    head.set_tenant(request.tenant);
    head.set_namespace_(request.namespace_);
    head.set_flow_id(request.flow_id);
    head.set_flow_revision(request.flow_revision);
    head.set_live(true);
    head.set_created_micros(kNoon);
    SetState(store::v1::CREATED, kNoon, &head);
    store::v1::ExecutionPayload payload;
    payload.set_execution_id(request.execution_id);
    payload.mutable_inputs()->set_utf8(request.inputs_json);
    for (const auto& label : request.labels) *payload.add_labels() = label;
    store::Rows rows;
    rows.heads = {head};
    rows.payloads = {payload};
    Commit(rows);
    done(conductor::Created{.snapshot = {head, payload}});
  }
  void Kill(std::string id, bool cascade, std::string principal,
            std::function<void(absl::StatusOr<conductor::Snapshot>)> done) override {
    auto head = store_.GetHead(id);
    if (engine::IsTerminal(head->state()) && !cascade)
      return done(absl::FailedPreconditionError("it has ended"));
    SetState(store::v1::KILLING, kNoon + 1'000'000, &*head);
    Change(*head, {});
    done(conductor::Snapshot{*head, *store_.GetPayload(id)});
  }
  // Commits rows, then tells.
  void Change(const store::v1::ExecutionHead& head, std::vector<store::v1::TaskRun> runs,
              std::vector<store::v1::TaskRunPayload> payloads = {},
              std::vector<store::v1::EngineLog> logs = {}) {
    store::Rows rows;
    rows.heads = {head};
    rows.runs = std::move(runs);
    rows.run_payloads = std::move(payloads);
    rows.engine_logs = std::move(logs);
    Commit(rows);
    conductor::Update update;
    update.snapshot.head = head;
    update.ended = engine::IsTerminal(head.state());
    std::vector<std::function<void(const conductor::Update&)>> listeners;
    {
      MutexLock lock(&mutex_);
      for (const auto& [watch_id, entry] : listeners_) {
        if (entry.first == head.id()) listeners.push_back(entry.second);
      }
    }
    for (const auto& listener : listeners) listener(update);
  }
  static void SetState(store::v1::State state, int64_t micros, store::v1::ExecutionHead* head) {
    head->set_state(state);
    auto* entry = head->add_history();
    entry->set_state(state);
    entry->set_micros(micros);
    if (!engine::IsTerminal(state)) return;
    head->set_live(false);
    head->set_ended_micros(micros);
  }
  Id Subscribe(std::string id, std::function<void(const conductor::Update&)> listener) override {
    MutexLock lock(&mutex_);
    listeners_[++last_id_] = {std::move(id), std::move(listener)};
    return last_id_;
  }
  void Unsubscribe(Id id) override {
    MutexLock lock(&mutex_);
    listeners_.erase(id);
  }
  int listener_count() {
    MutexLock lock(&mutex_);
    return static_cast<int>(listeners_.size());
  }

  static constexpr int64_t kNoon = 1'767'268'800'000'000;
  std::optional<absl::Status> refuse;
  conductor::CreateRequest last;

 private:
  void Commit(const store::Rows& rows) {
    store::Batch batch;
    batch.id = "batch" + std::to_string(++shard_.sequence);
    batch.claims = {{.shard = shard_.id, .epoch = shard_.epoch, .sequence = shard_.sequence}};
    batch.rows = rows;
    Notification committed;
    store_.Commit(batch, [&](store::CommitResult result) {
      EXPECT_EQ(result.outcome, store::CommitResult::Outcome::kCommitted) << result.message;
      committed.Notify();
    });
    committed.Wait();
  }

  store::Store& store_;
  store::Shard shard_;
  Mutex mutex_;
  Id last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Id, std::pair<std::string, std::function<void(const conductor::Update&)>>> listeners_
      ABSL_GUARDED_BY(mutex_);
};

class NoFactSource final : public conductor::FactSource {
 public:
  void Fetch(const conductor::FactPlace&, const std::vector<expression::Fact>& facts,
             std::function<void(std::vector<absl::StatusOr<expression::Value>>)> done) override {
    done(std::vector<absl::StatusOr<expression::Value>>(facts.size(),
                                                        expression::Value::String("fetched")));
  }
};

class TestSealer final : public engine::Sealer {
 public:
  absl::StatusOr<std::string> Seal(std::string_view plain, uint64_t) const override {
    if (!has_key)
      return absl::FailedPreconditionError("there is no key: set ORCH_ENCRYPTION_SECRET_KEY");
    return "sealed" + std::to_string(plain.size());
  }
  absl::StatusOr<std::string> Open(std::string_view) const override {
    return absl::InternalError("not here");
  }
  bool has_key = true;
};

// Keeps what it is sent; takes everything at once.
class RecordedStream final : public EventStream {
 public:
  bool Send(const google::protobuf::Message& event) override {
    MutexLock lock(&mutex_);
    events_.push_back(json::ToJson(event));
    changed_.SignalAll();
    return true;
  }
  size_t pending() const override { return 0; }
  void End(const absl::Status& status) override {
    MutexLock lock(&mutex_);
    status_ = status;
    changed_.SignalAll();
  }
  void Listen(std::function<void()>, std::function<void()> closed) override {
    MutexLock lock(&mutex_);
    closed_ = std::move(closed);
  }
  void Leave() {
    std::function<void()> closed;
    {
      MutexLock lock(&mutex_);
      closed = closed_;
    }
    closed();
  }
  std::vector<std::string> WaitFor(size_t count) {
    MutexLock lock(&mutex_);
    while (events_.size() < count) {
      if (changed_.WaitWithTimeout(&mutex_, absl::Seconds(20))) break;
    }
    return events_;
  }
  std::optional<absl::Status> WaitForEnd() {
    MutexLock lock(&mutex_);
    while (!status_) {
      if (changed_.WaitWithTimeout(&mutex_, absl::Seconds(20))) break;
    }
    return status_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> status_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> closed_ ABSL_GUARDED_BY(mutex_);
};

inline constexpr char kFlow[] = R"(id: hello
namespace: my.team
labels: {env: prod}
inputs:
  - {id: name, type: STRING, defaults: world}
  - {id: count, type: INT, required: false}
  - {id: data, type: FILE, required: false}
  - {id: key, type: SECRET, required: false}
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: "Hello {{ inputs.name }}"
)";

class ServicesTest : public ::testing::Test {
 protected:
  ServicesTest()
      : store_(*store::sqlite::SqliteStore::Open({.folder = NewFolder()}, clock_)),
        files_(*storage::LocalFileStore::Open(NewFolder())),
        types_(*store_, clock_, *flow::TaskTypes::BuiltIn()),
        catalog_(*store_, types_, clock_, {.features = flow::EngineFeatures::All()}),
        values_(*store_, clock_),
        conductor_(*store_),
        pool_({.name = "pool", .thread_count = 2}),
        executor_("live") {
    environment_.renderer = &renderer_;
    snapshot_ = types_.types();
    environment_.types = snapshot_.get();
    environment_.sealer = &sealer_;
    environment_.envs = expression::MapBuilder().Build();
    environment_.globals = expression::MapBuilder().Build();
    const Live live{.store = store_.get(),
                    .requests = &conductor_,
                    .watch = &conductor_,
                    .bell = &bell_,
                    .executor = &executor_,
                    .pool = &pool_,
                    .clock = &clock_};
    executions_.emplace(ExecutionService::Parts{.live = live,
                                                .flows = &catalog_,
                                                .facts = &facts_,
                                                .files = files_.get(),
                                                .environment = &environment_,
                                                .random = &random_});
    flows_.emplace(catalog_, clock_, random_);
    kv_.emplace(values_, catalog_, clock_, random_);
    logs_.emplace(live);
    instance_.emplace(
        InstanceService::Options{.version = "1.0", .workers = [] { return v1::WorkerList(); }});
    executions_->Register(&operations_);
    flows_->Register(&operations_);
    kv_->Register(&operations_);
    logs_->Register(&operations_);
    instance_->Register(&operations_);
    call_.principal.name = "local";
  }
  ~ServicesTest() override {
    executor_.Stop();
    pool_.Stop();
  }

  // Calls an RPC with a request in JSON (of tenant main) and gives its answer as JSON, or its
  // error.
  absl::StatusOr<std::string> Ask(const std::string& name, const std::string& request_json) {
    const Operation* operation = operations_.Find(name);
    auto request = operation->new_request();
    const auto* tenant = request->GetDescriptor()->FindFieldByName("tenant");
    if (tenant != nullptr) request->GetReflection()->SetString(request.get(), tenant, "main");
    const absl::Status decoded = json::Decode(request_json, request.get());
    if (!decoded.ok()) return decoded;
    call_.warnings.clear();
    if (operation->async) {
      Notification answered;
      absl::StatusOr<Operation::MessagePtr> result = absl::UnknownError("none");
      operation->async(*request, std::make_shared<Call>(call_),
                       [&](absl::StatusOr<Operation::MessagePtr> given) {
                         result = std::move(given);
                         answered.Notify();
                       });
      answered.Wait();
      if (!result.ok()) return result.status();
      return json::ToJson(**result);
    }
    auto result = operation->unary(*request, call_);
    if (!result.ok()) return result.status();
    return json::ToJson(**result);
  }
  int StatusOf(const std::string& name, const std::string& request_json) {
    return HttpStatusOf(Ask(name, request_json).status());
  }
  std::string Text(const std::string& name, const std::string& request_json) {
    const auto answer = Ask(name, request_json);
    EXPECT_TRUE(answer.ok()) << name << ": " << answer.status();
    return answer.ok() ? *answer : "";
  }
  void PutFlow(const std::string& source = kFlow) {
    Text("FlowService.CreateFlow", "{\"source\":" + json::Quoted(source) + "}");
  }
  std::string StartOne(const std::string& inputs = "{}") {
    Text("ExecutionService.CreateExecution",
         R"({"namespace":"my.team","flowId":"hello","inputs":)" + inputs + "}");
    return conductor_.last.execution_id;
  }
  static store::v1::TaskRun Run(const std::string& execution, int64_t number,
                                store::v1::State state, const std::string& task = "say") {
    store::v1::TaskRun run;
    run.set_execution_id(execution);
    run.set_number(number);
    run.set_task_id(task);
    run.set_parent(-1);
    run.set_iteration(-1);
    run.set_state(state);
    run.set_live(!engine::IsTerminal(state));
    auto* entry = run.add_history();
    entry->set_state(state);
    entry->set_micros(FakeConductor::kNoon + 1000);
    return run;
  }
  void AppendLines(const std::string& execution, int64_t run, int64_t first,
                   const std::vector<std::string>& texts, v1::LogLevel level = v1::INFO,
                   int64_t gap = 0) {
    v1::LogLines lines;
    for (const std::string& text : texts) {
      auto* line = lines.add_lines();
      line->set_text(text);
      line->set_level(level);
      line->set_micros(FakeConductor::kNoon + 2000 * first);
    }
    const std::string plain = lines.SerializeAsString();
    std::string body(ZSTD_compressBound(plain.size()), '\0');
    body.resize(ZSTD_compress(body.data(), body.size(), plain.data(), plain.size(), 1));
    store::LogChunkRow chunk;
    chunk.execution_id = execution;
    chunk.attempt = engine::AttemptId(execution, run, 1);
    chunk.first_line = first;
    chunk.line_count = static_cast<int64_t>(texts.size());
    chunk.gap_count = gap;
    chunk.level_counts = {0, 0, chunk.line_count, 0, 0};
    chunk.first_micros = chunk.last_micros = FakeConductor::kNoon + 2000 * first;
    chunk.task_id = "say";
    chunk.body = body;
    ASSERT_TRUE(store_->AppendLogs({chunk}).ok());
    bell_.Ring(execution, chunk.attempt);
  }

  RealClock clock_;
  SystemRandom random_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<storage::LocalFileStore> files_;
  catalog::TaskTypeCatalog types_;
  std::shared_ptr<const flow::TaskTypes> snapshot_;
  catalog::FlowCatalog catalog_;
  catalog::KeyValues values_;
  FakeConductor conductor_;
  NoFactSource facts_;
  TestSealer sealer_;
  expression::Renderer renderer_;
  engine::Environment environment_;
  LogBell bell_;
  ThreadPool pool_;
  ThreadExecutor executor_;
  std::optional<ExecutionService> executions_;
  std::optional<FlowService> flows_;
  std::optional<KvService> kv_;
  std::optional<LogService> logs_;
  std::optional<InstanceService> instance_;
  Operations operations_;
  Call call_;
};

}  // namespace orch::api
