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
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string NewFolder() {
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
    if (refuse) return done(*refuse);
    last = request;
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

constexpr char kFlow[] = R"(id: hello
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

TEST_F(ServicesTest, EveryRpcHasItsHandler) {
  EXPECT_TRUE(operations_.Check().ok()) << operations_.Check();
}

TEST(Operations, AServerWithAHandlerMissingDoesNotStart) {
  Operations operations;
  operations.Unary<v1::GetVersionRequest, v1::Version>(
      "InstanceService.GetVersion", [](const auto&, Call&) { return v1::Version(); });
  const absl::Status status = operations.Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("FlowService.GetFlow has no handler"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("GetVersion")));
  operations.Unary<v1::GetVersionRequest, v1::Configs>(
      "InstanceService.GetConfigs", [](const auto&, Call&) { return v1::Configs(); });
  EXPECT_THAT(std::string(operations.Check().message()),
              HasSubstr("GetConfigs has a handler for other messages"));
}

TEST(LocalAccess, AllowsWhatIsDeclaredAndRefusesTheRest) {
  const LocalAccess access;
  EXPECT_TRUE(access.Check({"local"}, "flow.read", "main", "ns").ok());
  EXPECT_EQ(HttpStatusOf(access.Check({"local"}, "flow.fly", "main", "ns")), 403);
  EXPECT_EQ(HttpStatusOf(access.Check({"local"}, "", "main", "ns")), 403);
  EXPECT_EQ(HttpStatusOf(access.Check({"stranger"}, "flow.read", "main", "ns")), 403);
  EXPECT_EQ(HttpStatusOf(access.Check({"local"}, "flow.read", "other", "ns")), 404);
}

TEST_F(ServicesTest, AFlowIsCreatedReadChangedAndDeleted) {
  const std::string source = json::Quoted(kFlow);
  const std::string created = Text("FlowService.CreateFlow", "{\"source\":" + source + "}");
  EXPECT_THAT(
      created,
      HasSubstr(
          R"("id":"hello","namespace":"my.team","revision":1,"disabled":false,"deleted":false)"));
  EXPECT_THAT(
      created,
      HasSubstr(R"("tasks":[{"id":"say","type":"io.kestra.plugin.core.log.Log","message":)"));
  EXPECT_THAT(created, HasSubstr("\"source\":"));
  EXPECT_EQ(StatusOf("FlowService.CreateFlow", "{\"source\":" + source + "}"), 422);
  const std::string at = R"("namespace":"my.team","id":"hello")";
  EXPECT_THAT(Text("FlowService.GetFlow", "{" + at + "}"), Not(HasSubstr("\"source\"")));
  EXPECT_THAT(Text("FlowService.GetFlow", "{" + at + ",\"source\":true}"),
              HasSubstr("\"source\":"));
  // The same again is the same revision; another text is the next.
  EXPECT_THAT(Text("FlowService.UpdateFlow", "{" + at + ",\"source\":" + source + "}"),
              HasSubstr("\"revision\":1"));
  const std::string changed = json::Quoted(std::string(kFlow) + "description: new\n");
  EXPECT_THAT(Text("FlowService.UpdateFlow", "{" + at + ",\"source\":" + changed + "}"),
              HasSubstr("\"revision\":2"));
  EXPECT_THAT(Text("FlowService.GetFlow", "{" + at + ",\"revision\":1}"),
              Not(HasSubstr("description")));
  EXPECT_EQ(StatusOf("FlowService.GetFlow", "{" + at + ",\"revision\":7}"), 404);
  EXPECT_EQ(StatusOf("FlowService.UpdateFlow",
                     R"({"namespace":"my.team","id":"nope","source":)" + source + "}"),
            404);
  EXPECT_THAT(Text("FlowService.ListRevisions", "{" + at + "}"), HasSubstr("\"revision\":2"));
  EXPECT_EQ(Text("FlowService.DeleteFlow", "{" + at + "}"), "{}");
  EXPECT_EQ(StatusOf("FlowService.GetFlow", "{" + at + "}"), 404);
  EXPECT_THAT(Text("FlowService.GetFlow", "{" + at + ",\"allowDeleted\":true}"),
              HasSubstr("\"deleted\":true"));
  EXPECT_EQ(StatusOf("FlowService.DeleteFlow", "{" + at + "}"), 404);
  std::vector<std::string> verbs;
  const auto audits = store_->ListAudit("main", 10);
  for (const auto& audit : *audits) verbs.push_back(audit.verb() + " " + audit.principal());
  EXPECT_THAT(verbs, ElementsAre("FLOW_DELETE local", "FLOW_UPDATE local", "FLOW_CREATE local"));
}

TEST_F(ServicesTest, AWrongFlowIsRefusedWithItsPlace) {
  const auto answer =
      Ask("FlowService.CreateFlow", R"({"source":"id: a\nnamespace: b\ntasks: []\n"})");
  EXPECT_EQ(HttpStatusOf(answer.status()), 422);
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("tasks"));
  const std::string results =
      Text("FlowService.ValidateFlows",
           "{\"source\":" + json::Quoted(std::string(kFlow) + "---\nid: a\nnamespace: b\n") + "}");
  EXPECT_THAT(results,
              HasSubstr(R"({"index":0,"flow":"hello","namespace":"my.team","outdated":false)"));
  EXPECT_THAT(results, HasSubstr(R"("index":1,"flow":"a","namespace":"b","constraints":")"));
}

TEST_F(ServicesTest, BulkApplyChecksAllBeforeItSavesAny) {
  const auto doc = [](const std::string& id, const std::string& ns) {
    return "id: " + id + "\nnamespace: " + ns +
           "\ntasks:\n  - {id: t, type: log.Log, message: x}\n";
  };
  const std::string both = json::Quoted(doc("a", "n") + "---\n" + doc("b", "n"));
  EXPECT_EQ(StatusOf("FlowService.ApplyFlows",
                     "{\"source\":" + json::Quoted(doc("a", "n") + "---\nid: b\n") + "}"),
            422);
  EXPECT_EQ(StatusOf("FlowService.GetFlow", R"({"namespace":"n","id":"a"})"), 404);
  EXPECT_THAT(Text("FlowService.ApplyFlows", "{\"source\":" + both + "}"),
              HasSubstr("\"id\":\"b\""));
  EXPECT_EQ(StatusOf("FlowService.ApplyFlows", "{\"delete\":true,\"source\":" + both + "}"), 422);
  EXPECT_EQ(StatusOf("FlowService.ApplyFlows", "{\"namespace\":\"other\",\"source\":" + both + "}"),
            422);
  EXPECT_EQ(StatusOf("FlowService.ApplyFlows",
                     "{\"source\":" + json::Quoted(doc("a", "n") + "---\n" + doc("a", "n")) + "}"),
            422);
  Text("FlowService.ApplyFlows",
       "{\"namespace\":\"n\",\"delete\":true,\"source\":" + json::Quoted(doc("a", "n")) + "}");
  EXPECT_EQ(StatusOf("FlowService.GetFlow", R"({"namespace":"n","id":"b"})"), 404);
  EXPECT_EQ(StatusOf("FlowService.GetFlow", R"({"namespace":"n","id":"a"})"), 200);
  PutFlow();
  EXPECT_EQ(Text("FlowService.ListDistinctNamespaces", "{}"), R"({"namespaces":["my.team","n"]})");
  EXPECT_THAT(Text("FlowService.SearchFlows", R"({"namespace":"my"})"), HasSubstr("\"total\":1"));
  EXPECT_THAT(Text("FlowService.ListFlows", R"({"namespace":"my"})"), HasSubstr("\"flows\":[]"));
}

TEST_F(ServicesTest, AStartResolvesInputsAndAnswersTheExecution) {
  PutFlow();
  call_.base_url = "http://localhost:8080";
  const std::string started = Text(
      "ExecutionService.CreateExecution",
      R"({"namespace":"my.team","flowId":"hello","labels":["a:b:c"],"inputs":{"count":"42","zzz":1}})");
  EXPECT_THAT(started, HasSubstr(R"("inputs":{"name":"world","count":42)"));
  EXPECT_THAT(started, HasSubstr(R"("labels":[{"key":"a","value":"b:c"}])"));
  EXPECT_THAT(
      started,
      HasSubstr(
          R"("state":{"current":"CREATED","histories":[{"state":"CREATED","date":"2026-01-01T12:00:00.000Z"}],"startDate":"2026-01-01T12:00:00.000Z")"));
  EXPECT_THAT(started,
              HasSubstr("\"url\":\"http://localhost:8080/ui/main/executions/my.team/hello/" +
                        conductor_.last.execution_id));
  EXPECT_EQ(conductor_.last.flow_revision, 1);
  EXPECT_EQ(conductor_.last.principal, "local");
  EXPECT_TRUE(TimeOfId(conductor_.last.execution_id).ok());
}

TEST_F(ServicesTest, EachWrongStartHasItsStatus) {
  PutFlow();
  const std::string disabled = std::string(
      "id: off\nnamespace: my.team\ndisabled: true\ntasks:\n  - {id: t, type: log.Log, message: "
      "x}\n");
  PutFlow(disabled);
  struct Case {
    const char* name;
    const char* more;
    int status;
  };
  const Case cases[] = {
      {"no such flow", R"("flowId":"nope")", 404},
      {"no such revision", R"("flowId":"hello","revision":9)", 404},
      {"a disabled flow", R"("flowId":"off")", 409},
      {"a wrong input", R"("flowId":"hello","inputs":{"count":"many"})", 422},
      {"inputs that are no object", R"("flowId":"hello","inputs":[1])", 422},
      {"a label without value", R"("flowId":"hello","labels":["a:"])", 422},
      {"a label without key", R"("flowId":"hello","labels":[":b"])", 422},
      {"a label twice", R"("flowId":"hello","labels":["a:b","a:c"])", 422},
      {"a system label", R"("flowId":"hello","labels":["system.x:y"])", 422},
      {"breakpoints", R"("flowId":"hello","breakpoints":["say"])", 422},
      {"a file for no file input",
       R"("flowId":"hello","files":[{"input":"name","fileName":"a","content":"eA=="}])", 422},
      {"an empty file", R"("flowId":"hello","files":[{"input":"data","fileName":"a"}])", 422},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(StatusOf("ExecutionService.CreateExecution",
                       std::string(R"({"namespace":"my.team",)") + c.more + "}"),
              c.status)
        << c.name;
  }
  EXPECT_EQ(conductor_.last.execution_id, "");
  EXPECT_EQ(
      StatusOf("ExecutionService.CreateExecution",
               R"({"namespace":"my.team","flowId":"hello","labels":["system.correlationId:y"]})"),
      200);
  conductor_.refuse = absl::AlreadyExistsError("another request has this key");
  EXPECT_EQ(
      StatusOf("ExecutionService.CreateExecution", R"({"namespace":"my.team","flowId":"hello"})"),
      409);
}

TEST_F(ServicesTest, AFileIsStoredBesideItsExecutionAndReadBack) {
  PutFlow();
  Text(
      "ExecutionService.CreateExecution",
      R"({"namespace":"my.team","flowId":"hello","files":[{"input":"data","fileName":"../my data.csv","content":"MSwyLDM="}]})");
  const std::string id = conductor_.last.execution_id;
  const std::string uri = "kestra:///my/team/hello/executions/" + id + "/inputs/data/my-data.csv";
  EXPECT_THAT(conductor_.last.inputs_json, HasSubstr("\"data\":\"" + uri + "\""));
  EXPECT_EQ(Text("ExecutionService.GetFileMetas",
                 R"({"executionId":")" + id + R"(","path":")" + uri + "\"}"),
            R"({"size":5})");
  v1::GetFileRequest request;
  request.set_tenant("main");
  request.set_execution_id(id);
  request.set_path(uri);
  auto file = operations_.Find("ExecutionService.GetFile")->bytes(request, call_);
  ASSERT_TRUE(file.ok());
  char bytes[10];
  EXPECT_EQ(std::string(bytes, *file->source->Read(bytes, sizeof bytes)), "1,2,3");
  const std::string other = StartOne();
  request.set_execution_id(other);
  EXPECT_EQ(
      HttpStatusOf(operations_.Find("ExecutionService.GetFile")->bytes(request, call_).status()),
      422);
  request.set_path("kestra:///my/team/hello/executions/" + other + "/none");
  EXPECT_EQ(
      HttpStatusOf(operations_.Find("ExecutionService.GetFile")->bytes(request, call_).status()),
      404);
}

TEST_F(ServicesTest, AFileOfARefusedStartIsNotKept) {
  PutFlow();
  conductor_.refuse = absl::FailedPreconditionError("no");
  FormFile file{.name = "files", .file_name = "data", .size = 3, .open = [] {
                  return absl::StatusOr<std::unique_ptr<storage::ByteSource>>(
                      std::make_unique<storage::TextSource>("abc"));
                }};
  call_.files = {file};
  EXPECT_EQ(
      StatusOf("ExecutionService.CreateExecution", R"({"namespace":"my.team","flowId":"hello"})"),
      409);
  conductor_.refuse.reset();
  Text("ExecutionService.CreateExecution", R"({"namespace":"my.team","flowId":"hello"})");
  EXPECT_THAT(conductor_.last.inputs_json, HasSubstr("/inputs/data/data"));
}

// Inputs of type SECRET are refused by the resolver of this release; whatever it says, what was
// given is neither kept nor told.
TEST_F(ServicesTest, ASecretInputIsNeitherKeptNorTold) {
  PutFlow();
  const std::string request =
      R"({"namespace":"my.team","flowId":"hello","inputs":{"key":"hunter2"}})";
  const auto started = Ask("ExecutionService.CreateExecution", request);
  EXPECT_EQ(HttpStatusOf(started.status()), 422);
  EXPECT_THAT(std::string(started.status().message()), Not(HasSubstr("hunter2")));
  EXPECT_EQ(conductor_.last.execution_id, "");
  EXPECT_THAT(Text("ExecutionService.ValidateInputs", request), Not(HasSubstr("hunter2")));
}

TEST_F(ServicesTest, ValidationTellsEachInputItsErrors) {
  PutFlow();
  const std::string answer =
      Text("ExecutionService.ValidateInputs",
           R"({"namespace":"my.team","flowId":"hello","inputs":{"count":"x","zzz":1}})");
  EXPECT_THAT(answer, HasSubstr(R"("value":"world","enabled":true,"isDefault":true)"));
  EXPECT_THAT(answer, HasSubstr(R"("errors":[{"message":"Invalid value for input `count`.)"));
  EXPECT_THAT(answer, HasSubstr(R"("unknown":["zzz"])"));
  EXPECT_EQ(conductor_.last.execution_id, "");
}

TEST_F(ServicesTest, WaitAnswersAtTheEnd) {
  PutFlow();
  Notification answered;
  std::string answer;
  v1::CreateExecutionRequest request;
  request.set_tenant("main");
  request.set_namespace_("my.team");
  request.set_flow_id("hello");
  request.set_wait(true);
  operations_.Find("ExecutionService.CreateExecution")
      ->async(request, std::make_shared<Call>(call_),
              [&](absl::StatusOr<Operation::MessagePtr> result) {
                answer = json::ToJson(**result);
                answered.Notify();
              });
  while (conductor_.listener_count() == 0) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_FALSE(answered.HasBeenNotified());
  auto head = *store_->GetHead(conductor_.last.execution_id);
  FakeConductor::SetState(store::v1::SUCCESS, FakeConductor::kNoon + 90'500'000, &head);
  conductor_.Change(head, {});
  answered.Wait();
  EXPECT_THAT(answer, HasSubstr(R"("current":"SUCCESS")"));
  EXPECT_THAT(answer, HasSubstr(R"("endDate":"2026-01-01T12:01:30.500Z","duration":"PT1M30.5S")"));
  EXPECT_EQ(conductor_.listener_count(), 0);
}

TEST_F(ServicesTest, AnExecutionShowsItsRunsAndOutputsThatLieApart) {
  PutFlow();
  const std::string id = StartOne();
  auto head = *store_->GetHead(id);
  head.set_run_count(2);
  auto parent = Run(id, 0, store::v1::RUNNING, "loop");
  parent.mutable_branch()->mutable_tally()->set_created(3);
  auto child = Run(id, 1, store::v1::SUCCESS);
  child.set_parent(0);
  child.set_has_value(true);
  child.set_value("");
  child.set_iteration(0);
  child.set_outputs_apart(true);
  auto* attempt = child.add_attempts();
  attempt->set_number(1);
  attempt->set_state(store::v1::SUCCESS);
  attempt->set_started_micros(FakeConductor::kNoon);
  attempt->set_ended_micros(FakeConductor::kNoon + 1'000'000);
  attempt->set_worker_id("w1");
  store::v1::TaskRunPayload payload;
  payload.set_execution_id(id);
  payload.set_number(1);
  payload.mutable_body()->set_utf8(R"({"big": 1.50})");
  conductor_.Change(head, {parent, child}, {payload});
  const std::string shown =
      Text("ExecutionService.GetExecution", R"({"executionId":")" + id + "\"}");
  EXPECT_THAT(
      shown,
      HasSubstr("\"id\":\"" + id + "-1\",\"executionId\":\"" + id +
                R"(","namespace":"my.team","flowId":"hello","taskId":"say","parentTaskRunId":")" +
                id + R"(-0","value":"","iteration":0,"attempts":[{"state":{"current":"SUCCESS")"));
  EXPECT_THAT(shown, HasSubstr(R"("duration":"PT1S"},"workerId":"w1"}],"outputs":{"big": 1.50})"));
  EXPECT_THAT(shown, HasSubstr(R"("counts":{"created":3,"live":0,"failed":0,"done":0})"));
  EXPECT_THAT(
      Text("ExecutionService.GetExecution", R"({"executionId":")" + id + R"(","head":true})"),
      Not(HasSubstr("taskRunList")));
  EXPECT_EQ(Text("ExecutionService.GetOutputs",
                 R"({"executionId":")" + id + R"(","taskRunId":")" + id + "-1\"}"),
            R"({"outputs":{"big": 1.50}})");
  EXPECT_THAT(Text("ExecutionService.ListOutputs", R"({"executionId":")" + id + "\"}"),
              HasSubstr("\"inline\":false"));
  const std::string page =
      Text("ExecutionService.ListTaskRuns", R"({"executionId":")" + id + R"(","size":1})");
  EXPECT_THAT(page, HasSubstr("\"total\":2,\"nextCursor\":\"" + id + "-1\""));
  EXPECT_THAT(Text("ExecutionService.ListTaskRuns",
                   R"({"executionId":")" + id + R"(","cursor":")" + id + "-1\"}"),
              HasSubstr("\"taskId\":\"say\""));
  EXPECT_EQ(
      StatusOf("ExecutionService.ListTaskRuns", R"({"executionId":")" + id + R"(","cursor":"x"})"),
      422);
  EXPECT_EQ(StatusOf("ExecutionService.GetOutputs",
                     R"({"executionId":")" + id + R"(","taskRunId":"other-1"})"),
            404);
  EXPECT_EQ(StatusOf("ExecutionService.GetExecution", R"({"executionId":"nope"})"), 404);
  EXPECT_EQ(StatusOf("ExecutionService.GetExecution",
                     R"({"tenant":"other","executionId":")" + id + "\"}"),
            404);
}

TEST_F(ServicesTest, OfManyRunsThoseThatFailedOrLiveAreShown) {
  PutFlow();
  const std::string id = StartOne();
  auto head = *store_->GetHead(id);
  head.set_run_count(1'503);
  std::vector<store::v1::TaskRun> runs;
  for (int64_t n = 0; n < 1'500; ++n) runs.push_back(Run(id, n, store::v1::SUCCESS));
  runs.push_back(Run(id, 1'500, store::v1::FAILED));
  runs.push_back(Run(id, 1'501, store::v1::RUNNING));
  runs.push_back(Run(id, 1'502, store::v1::SUCCESS));
  conductor_.Change(head, runs);
  const auto execution = ReadExecution(*store_, "main", id, Runs::kShown, clock_.Now());
  ASSERT_EQ(execution->task_run_list_size(), 1'000);
  EXPECT_EQ(execution->task_run_list(997).id(), engine::RunId(id, 997));
  EXPECT_EQ(execution->task_run_list(998).id(), engine::RunId(id, 1'500));
  EXPECT_EQ(execution->task_run_list(999).id(), engine::RunId(id, 1'501));
  EXPECT_EQ(execution->task_run_count(), 1'503);
}

TEST_F(ServicesTest, ListsRefuseWhatTheyCannotAsk) {
  PutFlow();
  const std::string id = StartOne();
  EXPECT_THAT(
      Text("ExecutionService.SearchExecutions", R"({"namespace":"my","state":["CREATED"]})"),
      HasSubstr("\"total\":1"));
  EXPECT_THAT(
      Text("ExecutionService.SearchExecutions",
           R"({"filters":[{"field":"state","operation":"NOT_IN","value":"CREATED,FAILED"}]})"),
      HasSubstr("\"total\":0"));
  EXPECT_THAT(Text("ExecutionService.SearchExecutions",
                   R"({"filters":[{"field":"flowId","operation":"EQUALS","value":"hello"}]})"),
              HasSubstr(id));
  for (
      const char* request :
      {R"({"filters":[{"field":"nope","operation":"EQUALS","value":"x"}]})",
       R"({"filters":[{"field":"flowId","operation":"REGEX","value":"x"}]})",
       R"({"filters":[{"field":"state","operation":"IN","value":"RAN"}]})",
       R"({"filters":[{"field":"flowId","operation":"EQUALS","value":"a"},{"field":"flowId","operation":"EQUALS","value":"b"}]})",
       R"({"sort":["flowId:asc"]})", R"({"childFilter":"MAIN"})", R"({"labels":["x"]})",
       R"({"page":1001,"size":10})", R"({"size":2000})", R"({"page":-1})",
       R"({"timeRange":"PT1H","startDate":"2026-01-01T00:00:00Z"})"}) {
    EXPECT_EQ(StatusOf("ExecutionService.SearchExecutions", request), 422) << request;
  }
  EXPECT_EQ(StatusOf("ExecutionService.ListFlowExecutions", R"({"namespace":"my.team"})"), 422);
  EXPECT_THAT(
      Text("ExecutionService.ListFlowExecutions", R"({"namespace":"my.team","flowId":"hello"})"),
      HasSubstr(id));
}

TEST_F(ServicesTest, KillAnswersTheOrderOrWhyNot) {
  PutFlow();
  const std::string id = StartOne();
  EXPECT_THAT(Text("ExecutionService.KillExecution", R"({"executionId":")" + id + "\"}"),
              HasSubstr("KILLING"));
  auto head = *store_->GetHead(id);
  FakeConductor::SetState(store::v1::KILLED, FakeConductor::kNoon, &head);
  conductor_.Change(head, {});
  EXPECT_EQ(StatusOf("ExecutionService.KillExecution",
                     R"({"executionId":")" + id + R"(","isOnKillCascade":false})"),
            409);
  EXPECT_EQ(StatusOf("ExecutionService.KillExecution", R"({"executionId":"nope"})"), 404);
}

TEST_F(ServicesTest, AFollowerSeesTheStartTheNewsAndTheEnd) {
  PutFlow();
  const std::string id = StartOne();
  v1::FollowExecutionRequest request;
  request.set_tenant("main");
  request.set_execution_id(id);
  auto stream = std::make_shared<RecordedStream>();
  operations_.Find("ExecutionService.FollowExecution")->events(request, call_, stream);
  EXPECT_THAT(stream->WaitFor(1)[0], HasSubstr(R"("id":"start")"));
  auto head = *store_->GetHead(id);
  FakeConductor::SetState(store::v1::RUNNING, FakeConductor::kNoon + 1, &head);
  conductor_.Change(head, {});
  EXPECT_THAT(stream->WaitFor(2)[1], HasSubstr(R"("id":"progress","data":{"tenantId":"main")"));
  FakeConductor::SetState(store::v1::SUCCESS, FakeConductor::kNoon + 2, &head);
  conductor_.Change(head, {});
  EXPECT_TRUE(stream->WaitForEnd()->ok());
  const auto events = stream->WaitFor(3);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_THAT(events[2], HasSubstr(R"("id":"end")"));
  EXPECT_THAT(events[2], HasSubstr(R"("current":"SUCCESS")"));
  EXPECT_EQ(conductor_.listener_count(), 0);
}

TEST_F(ServicesTest, AFollowerWhoLeavesIsForgotten) {
  PutFlow();
  v1::FollowExecutionRequest request;
  request.set_tenant("main");
  request.set_execution_id(StartOne());
  auto stream = std::make_shared<RecordedStream>();
  operations_.Find("ExecutionService.FollowExecution")->events(request, call_, stream);
  stream->WaitFor(1);
  EXPECT_EQ(conductor_.listener_count(), 1);
  stream->Leave();
  while (conductor_.listener_count() > 0) absl::SleepFor(absl::Milliseconds(1));
  request.set_execution_id("nope");
  auto other = std::make_shared<RecordedStream>();
  operations_.Find("ExecutionService.FollowExecution")->events(request, call_, other);
  EXPECT_EQ(HttpStatusOf(*other->WaitForEnd()), 404);
}

TEST_F(ServicesTest, LogsOfWorkersAndOfTheEngineAreMergedByTime) {
  PutFlow();
  const std::string id = StartOne();
  auto head = *store_->GetHead(id);
  store::v1::EngineLog engine_log;
  engine_log.set_execution_id(id);
  engine_log.set_run(0);
  engine_log.set_attempt(1);
  engine_log.set_sequence(3);
  auto* line = engine_log.add_lines();
  line->set_level(store::v1::WARN);
  line->set_text("from the engine");
  line->set_micros(FakeConductor::kNoon + 3000);
  conductor_.Change(head, {Run(id, 0, store::v1::RUNNING)}, {}, {engine_log});
  AppendLines(id, 0, 1, {"one"});
  AppendLines(id, 0, 2, {"two"}, v1::ERROR);
  AppendLines(id, 0, 5, {"five"}, v1::DEBUG, /*gap=*/2);
  const std::string at = R"({"executionId":")" + id + "\"";
  const std::string all = Text("LogService.ListLogs", at + "}");
  EXPECT_THAT(all,
              HasSubstr("\"taskId\":\"say\",\"executionId\":\"" + id + "\",\"taskRunId\":\"" + id +
                        "-0\",\"attemptNumber\":0,\"timestamp\":\"2026-01-01T12:00:00.002Z\","
                        "\"level\":\"INFO\",\"message\":\"one\",\"line\":1"));
  std::vector<size_t> order;
  for (const char* text :
       {"\"one\"", "from the engine", "\"two\"", "2 lines were lost", "\"five\""})
    order.push_back(all.find(text));
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end())) << all;
  EXPECT_NE(order.back(), std::string::npos);
  const std::string errors = Text("LogService.ListLogs", at + R"(,"minLevel":"WARN"})");
  EXPECT_THAT(errors, HasSubstr("two"));
  EXPECT_THAT(errors, Not(HasSubstr("\"one\"")));
  EXPECT_THAT(Text("LogService.ListLogs", at + R"(,"taskId":"other"})"),
              HasSubstr("\"entries\":[]"));
  EXPECT_EQ(StatusOf("LogService.ListLogs", at + R"(,"taskRunId":"x"})"), 422);
  v1::LogsRequest request;
  request.set_tenant("main");
  request.set_execution_id(id);
  auto download = operations_.Find("LogService.DownloadLogs")->bytes(request, call_);
  ASSERT_TRUE(download.ok());
  std::string text(10'000, '\0');
  text.resize(*download->source->Read(text.data(), text.size()));
  EXPECT_THAT(text, HasSubstr("2026-01-01T12:00:00.004Z ERROR [say] two\n"));
}

TEST_F(ServicesTest, ALogFollowerGetsEachLineOnceAndEndsWhenTheCountedLinesAreIn) {
  PutFlow();
  const std::string id = StartOne();
  auto head = *store_->GetHead(id);
  auto run = Run(id, 0, store::v1::RUNNING);
  run.set_attempt_count(1);
  conductor_.Change(head, {run});
  AppendLines(id, 0, 1, {"one"});
  v1::LogsRequest request;
  request.set_tenant("main");
  request.set_execution_id(id);
  auto stream = std::make_shared<RecordedStream>();
  operations_.Find("LogService.FollowLogs")->events(request, call_, stream);
  EXPECT_THAT(stream->WaitFor(1)[0], HasSubstr("\"one\""));
  AppendLines(id, 0, 2, {"two"});
  EXPECT_THAT(stream->WaitFor(2)[1], HasSubstr("\"two\""));
  run.set_state(store::v1::SUCCESS);
  run.set_live(false);
  run.set_line_count(3);
  FakeConductor::SetState(store::v1::SUCCESS, FakeConductor::kNoon + 2, &head);
  conductor_.Change(head, {run});
  AppendLines(id, 0, 3, {"three"});
  EXPECT_TRUE(stream->WaitForEnd()->ok());
  const auto events = stream->WaitFor(4);
  ASSERT_EQ(events.size(), 4u);
  EXPECT_THAT(events[2], HasSubstr("\"three\""));
  EXPECT_EQ(events[3], R"({"id":"end"})");
  // Who comes back by the id of the second line gets the third.
  const std::string last = events[1].substr(7, events[1].find("\",\"data\"") - 7);
  request.set_last_event_id(last);
  auto again = std::make_shared<RecordedStream>();
  operations_.Find("LogService.FollowLogs")->events(request, call_, again);
  EXPECT_TRUE(again->WaitForEnd()->ok());
  EXPECT_THAT(again->WaitFor(2), ElementsAre(events[2], events[3]));
}

TEST_F(ServicesTest, KeysAreSetReadListedAndDeleted) {
  const std::string at = R"("namespace":"my.team","key":"k")";
  const auto put = [&](const std::string& value, const std::string& more = "") {
    v1::PutKvRequest request;
    request.set_tenant("main");
    request.set_namespace_("my.team");
    request.set_key("k");
    request.set_value(value);
    if (more == "ttl") request.mutable_ttl()->set_micros(3'600'000'000);
    return HttpStatusOf(operations_.Find("KvService.PutKv")->unary(request, call_).status());
  };
  struct Case {
    const char* body;
    const char* answer;
  };
  const Case cases[] = {
      {R"("text")", R"("type":"STRING","value":"text","revision":1)"},
      {"42", R"("type":"NUMBER","value":42,"revision":2)"},
      {"true", R"("type":"BOOLEAN","value":true,"revision":3)"},
      {R"({"b":null,"a":[1]})", R"("type":"JSON","value":{"b":null,"a":[1]},"revision":4)"},
      {"PT1H30M", R"("type":"DURATION","value":"PT1H30M","revision":5)"},
      {"2026-01-02", R"("type":"DATE","value":"2026-01-02","revision":6)"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(put(c.body), 200) << c.body;
    EXPECT_THAT(Text("KvService.GetKv", "{" + at + "}"), HasSubstr(c.answer));
  }
  EXPECT_EQ(put("2026-01-02T03:04:05Z", "ttl"), 200);
  EXPECT_THAT(Text("KvService.GetKv", "{" + at + "}"),
              HasSubstr(R"("type":"DATETIME","value":"2026-01-02T03:04:05)"));
  EXPECT_THAT(Text("KvService.ListKv", R"({"namespace":"my.team"})"),
              HasSubstr("\"expirationDate\":"));
  EXPECT_EQ(put("unquoted"), 422);
  EXPECT_EQ(put(""), 422);
  PutFlow();
  EXPECT_THAT(Text("KvService.SearchKv", "{}"), HasSubstr(R"("namespace":"my.team","key":"k")"));
  EXPECT_EQ(StatusOf("KvService.SearchKv", R"({"size":0,"page":-1})"), 422);
  EXPECT_EQ(Text("KvService.DeleteKv", "{" + at + "}"), R"({"deleted":true})");
  EXPECT_EQ(Text("KvService.DeleteKv", "{" + at + "}"), R"({"deleted":false})");
  EXPECT_EQ(StatusOf("KvService.GetKv", "{" + at + "}"), 404);
  EXPECT_EQ(put("1"), 200);
  EXPECT_EQ(Text("KvService.DeleteKvs", R"({"namespace":"my.team","keys":["k","none"]})"),
            R"({"keys":["k"]})");
}

TEST_F(ServicesTest, TheInstanceTellsItsVersion) {
  EXPECT_THAT(Text("InstanceService.GetConfigs", "{}"),
              HasSubstr(R"("version":"1.0","isBasicAuthEnabled":false,"tenants":["main"])"));
  EXPECT_EQ(Text("InstanceService.ListWorkers", "{}"), R"({"workers":[]})");
}

}  // namespace
}  // namespace orch::api
