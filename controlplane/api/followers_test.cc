#include "controlplane/api/services_fixture.h"

namespace orch::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

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

}  // namespace
}  // namespace orch::api
