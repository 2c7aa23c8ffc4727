#include "controlplane/api/services_fixture.h"

namespace orch::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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
  const std::string refused = conductor_.last.execution_id;
  const auto uri =
      storage::FileUri::OfExecution("my.team", "hello", refused, {"inputs", "data", "data"});
  EXPECT_TRUE(absl::IsNotFound(files_->Stat("main", uri).status()));
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

}  // namespace
}  // namespace orch::api
