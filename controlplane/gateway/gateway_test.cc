#include "controlplane/gateway/gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "base/mutex.h"
#include "base/notification.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/json/json_text.h"
#include "controlplane/gateway/management.h"
#include "controlplane/gateway/raw_client.h"
#include "orch/v1/execution_service.pb.h"
#include "orch/v1/flow_service.pb.h"
#include "orch/v1/kv_service.pb.h"

namespace orch::gateway {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// An access that refuses one namespace, to see that it is asked.
class TestAccess final : public api::Access {
 public:
  bool NeedsCredentials() const override { return needs; }
  absl::StatusOr<api::Principal> Authenticate(const api::Credentials& c) const override {
    if (needs && c.authorization != "Bearer good") return absl::UnauthenticatedError("who are you");
    return api::Principal{"local"};
  }
  absl::Status Check(const api::Principal& p, const std::string& permission,
                     const std::string& tenant, const std::string& ns) const override {
    if (ns == "forbidden") return api::NotAllowed(permission);
    return local.Check(p, permission, tenant, ns);
  }
  bool needs = false;
  api::LocalAccess local;
};

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() : pool_({.name = "test", .thread_count = 2}) {
    operations_.Unary<v1::GetFlowRequest, v1::Flow>(
        "FlowService.GetFlow",
        [](const v1::GetFlowRequest& r, api::Call& call) -> absl::StatusOr<v1::Flow> {
          if (r.id() == "gone") return api::NoSuch("flow", r.id());
          if (r.id() == "broken") return absl::InternalError("SELECT secret FROM /internal/path");
          if (r.id() == "full") return absl::ResourceExhaustedError("no room");
          call.warnings.push_back("line one\r\nX-Injected: yes");
          v1::Flow flow;
          flow.set_id(r.id());
          flow.set_namespace_(r.namespace_());
          flow.set_revision(r.revision());
          return flow;
        });
    operations_.Unary<v1::CreateFlowRequest, v1::Flow>(
        "FlowService.CreateFlow",
        [this](const v1::CreateFlowRequest& r, api::Call&) -> absl::StatusOr<v1::Flow> {
          ++changes_;
          v1::Flow flow;
          flow.set_source(r.source());
          return flow;
        });
    operations_.Unary<v1::DeleteKvsRequest, v1::DeletedKeys>(
        "KvService.DeleteKvs",
        [](const v1::DeleteKvsRequest& r, api::Call&) -> absl::StatusOr<v1::DeletedKeys> {
          v1::DeletedKeys answer;
          *answer.mutable_keys() = r.keys();
          return answer;
        });
    operations_.Unary<v1::KillExecutionRequest, v1::Execution>(
        "ExecutionService.KillExecution",
        [](const v1::KillExecutionRequest& r, api::Call&) -> absl::StatusOr<v1::Execution> {
          v1::Execution execution;
          execution.set_id(r.execution_id());
          return execution;
        });
    operations_.Async<v1::CreateExecutionRequest, v1::Execution>(
        "ExecutionService.CreateExecution",
        [](const v1::CreateExecutionRequest& r, std::shared_ptr<api::Call> call,
           std::function<void(absl::StatusOr<v1::Execution>)> done) {
          v1::Execution execution;
          *execution.mutable_inputs() = r.inputs();
          for (const api::FormFile& file : call->files) {
            auto source = *file.open();
            char bytes[100];
            const size_t count = *source->Read(bytes, sizeof bytes);
            execution.set_error(execution.error() + file.name + "=" + file.file_name + ":" +
                                std::to_string(file.size) + ":" +
                                std::string(bytes, std::min<size_t>(count, 10)) + ";");
          }
          execution.set_kind(call->body_digest);
          std::thread([done, execution] { done(execution); }).detach();
        });
    operations_.Bytes<v1::GetFileRequest>(
        "ExecutionService.GetFile",
        [](const v1::GetFileRequest& r, api::Call&) -> absl::StatusOr<api::BytesAnswer> {
          api::BytesAnswer answer;
          const std::string text(300'000, 'x');
          answer.source = std::make_unique<storage::TextSource>(text);
          if (r.path() == "sized") answer.size = 300'000;
          if (r.path() == "short") answer.size = 400'000;
          answer.file_name = "a\"b é.csv";
          return answer;
        });
    operations_.Events<v1::FollowExecutionRequest>(
        "ExecutionService.FollowExecution",
        [this](const v1::FollowExecutionRequest& r, const api::Call&,
               std::shared_ptr<api::EventStream> stream) {
          if (r.execution_id() == "gone") return stream->End(api::NoSuch("execution", "gone"));
          stream->Listen([] {}, [this] { closed_.Notify(); });
          v1::ExecutionEvent event;
          event.set_id("start");
          event.mutable_data()->set_id(r.execution_id());
          stream->Send(event);
          event.set_id("end");
          if (r.execution_id() == "short") {
            stream->Send(event);
            stream->End(absl::OkStatus());
          }
          MutexLock lock(&mutex_);
          stream_ = stream;
        });
  }
  ~GatewayTest() override {
    if (gateway_) gateway_->Stop();
    pool_.Stop();
  }

  void Start() {
    const char* folder = std::getenv("TEST_TMPDIR");
    options_.body.spool_folder = folder == nullptr ? "/tmp" : folder;
    options_.http.drain = absl::Seconds(2);
    gateway_ =
        std::make_unique<Gateway>(options_, &operations_, &access_, &pool_, &clock_, &random_);
    port_ = *gateway_->Start();
  }

  RawClient::Reply Ask(const std::string& line, const std::string& headers = "",
                       const std::string& body = "") {
    if (!gateway_) Start();
    RawClient client(port_);
    std::string text = line + " HTTP/1.1\r\n";
    if (headers.find("Host:") == std::string::npos) text += "Host: localhost:1\r\n";
    text += headers;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    client.Send(text + "\r\n" + body);
    return client.Read(line.rfind("HEAD", 0) == 0);
  }

  Gateway::Options options_;
  api::Operations operations_;
  TestAccess access_;
  ThreadPool pool_;
  RealClock clock_;
  SystemRandom random_;
  std::unique_ptr<Gateway> gateway_;
  int port_ = 0;
  std::atomic<int> changes_{0};
  Notification closed_;
  Mutex mutex_;
  std::shared_ptr<api::EventStream> stream_ ABSL_GUARDED_BY(mutex_);
};

const char kFlow[] = "/api/v1/main/flows/ns/f";

TEST_F(GatewayTest, ServesAnRpcAtItsAddress) {
  const auto reply = Ask(std::string("GET ") + kFlow + "?revision=3");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body,
            R"({"id":"f","namespace":"ns","revision":3,"disabled":false,"deleted":false})");
  EXPECT_TRUE(reply.Has("Content-Type: application/json"));
  EXPECT_TRUE(reply.Has("X-Request-Id: "));
  EXPECT_TRUE(reply.Has("X-Orch-Warning: line one??X-Injected: yes")) << reply.head;
  EXPECT_FALSE(reply.Has("\nX-Injected"));
}

TEST_F(GatewayTest, ServesManyRequestsOnOneConnection) {
  Start();
  RawClient client(port_);
  const std::string ask = std::string("GET ") + kFlow + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  client.Send(ask + ask);  // The second before the first is answered.
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(client.Read().status, 200);
  client.Send(std::string("GET ") + kFlow +
              " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(GatewayTest, EachErrorHasItsAnswer) {
  struct Case {
    const char* name;
    const char* line;
    const char* headers;
    const char* body;
    int status;
    const char* code;
  };
  const std::string secret = "SELECT";
  const Case cases[] = {
      {"not there", "GET /api/v1/main/flows/ns/gone", "", "", 404, "NOT_FOUND"},
      {"nowhere", "GET /api/v1/main/nothing/here", "", "", 404, "NOT_FOUND"},
      {"another tenant", "GET /api/v1/other/flows/ns/f", "", "", 404, "NOT_FOUND"},
      {"a bug of ours", "GET /api/v1/main/flows/ns/broken", "", "", 500, "INTERNAL"},
      {"no room", "GET /api/v1/main/flows/ns/full", "", "", 503, "RESOURCE_EXHAUSTED"},
      {"not allowed", "GET /api/v1/main/flows/forbidden/f", "", "", 403, "PERMISSION_DENIED"},
      {"not allowed, before the question is judged",
       "GET /api/v1/main/flows/forbidden/f?revision=x", "", "", 403, "PERMISSION_DENIED"},
      {"a bad parameter", "GET /api/v1/main/flows/ns/f?revision=x", "", "", 422,
       "INVALID_ARGUMENT"},
      {"another method", "PATCH /api/v1/main/flows/ns/f", "", "", 405, "UNIMPLEMENTED"},
      {"a crooked path", "GET /api/v1/main/flows/../f", "", "", 400, "INVALID_ARGUMENT"},
      {"another media type", "POST /api/v1/main/flows", "Content-Type: application/json\r\n", "{}",
       415, "INVALID_ARGUMENT"},
      {"a foreign host", "GET /api/v1/main/flows/ns/f", "Host: evil.example\r\n", "", 403,
       "PERMISSION_DENIED"},
      {"a foreign origin", "POST /api/v1/main/flows",
       "Content-Type: application/yaml\r\nOrigin: http://evil.example\r\n", "id: x", 403,
       "PERMISSION_DENIED"},
      {"a follower from a foreign page", "GET /api/v1/main/executions/e/follow",
       "Sec-Fetch-Site: cross-site\r\n", "", 403, "PERMISSION_DENIED"},
      {"a stream of nothing", "GET /api/v1/main/executions/gone/follow", "", "", 404, "NOT_FOUND"},
      {"bad JSON", "DELETE /api/v1/main/namespaces/ns/kv", "Content-Type: application/json\r\n",
       "{\"keys\":", 422, "INVALID_ARGUMENT"},
      {"JSON of another shape", "DELETE /api/v1/main/namespaces/ns/kv",
       "Content-Type: application/json\r\n", "{\"keys\":[1]}", 422, "INVALID_ARGUMENT"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto reply = Ask(c.line, c.headers, c.body);
    EXPECT_EQ(reply.status, c.status);
    EXPECT_TRUE(api::json::CheckJson(reply.body).ok()) << reply.body;
    for (const char* member : {"\"message\":", "\"_links\":{\"self\":{\"href\":",
                               "\"_embedded\":{\"errors\":[{\"message\":", "\"requestId\":\""}) {
      EXPECT_THAT(reply.body, HasSubstr(member));
    }
    EXPECT_THAT(reply.body, HasSubstr(std::string("\"code\":\"") + c.code + "\""));
    EXPECT_THAT(reply.body, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(Ask("GET /api/v1/main/flows/ns/f?revision=x").body,
              HasSubstr("\"path\":\"revision\""));
  EXPECT_TRUE(Ask("PATCH /api/v1/main/flows/ns/f").Has("Allow: DELETE, GET, HEAD, OPTIONS, PUT"));
  EXPECT_TRUE(Ask("GET /api/v1/main/flows/ns/full").Has("Retry-After: 1"));
  EXPECT_EQ(changes_, 0);
}

TEST_F(GatewayTest, AsksForACredentialWhereOneIsNeeded) {
  access_.needs = true;
  EXPECT_EQ(Ask("GET " + std::string(kFlow)).status, 401);
  EXPECT_EQ(Ask("GET " + std::string(kFlow), "Authorization: Bearer bad\r\n").status, 401);
  EXPECT_EQ(Ask("GET " + std::string(kFlow), "Authorization: Bearer good\r\nHost: any.example\r\n")
                .status,
            200);
}

TEST_F(GatewayTest, TakesYamlAndTellsHeadAndOptions) {
  const auto reply = Ask("POST /api/v1/main/flows",
                         "Content-Type: application/x-yaml; charset=utf-8\r\n", "id: é\n");
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr("\"source\":\"id: é\\n\""));
  const auto head = Ask("HEAD " + std::string(kFlow));
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.Has("Content-Length: 60")) << head.head;
  const auto options = Ask("OPTIONS " + std::string(kFlow));
  EXPECT_EQ(options.status, 204);
  EXPECT_TRUE(options.Has("Allow: DELETE, GET, HEAD, OPTIONS, PUT"));
}

TEST_F(GatewayTest, TheSuccessStatusIsTheOneDeclared) {
  const auto old_form = Ask("DELETE /api/v1/main/executions/e1/kill");
  EXPECT_EQ(old_form.status, 202);
  EXPECT_EQ(old_form.body, "");
  EXPECT_THAT(Ask("DELETE /api/v1/main/executions/e1/actions/kill").body,
              HasSubstr("\"id\":\"e1\""));
  EXPECT_EQ(Ask("DELETE /api/v1/main/namespaces/ns/kv", "Content-Type: application/json\r\n",
                R"({"keys":["a"],"x":1})")
                .body,
            R"({"keys":["a"]})");
}

TEST_F(GatewayTest, InputsComeAsFormMultipartJsonOrNotAtAll) {
  const std::string line = "POST /api/v1/main/executions/ns/f";
  EXPECT_THAT(Ask(line).body, Not(HasSubstr("inputs")));
  EXPECT_THAT(Ask(line, "Content-Type: application/json\r\n", R"({"n":1.0})").body,
              HasSubstr(R"("inputs":{"n":1.0})"));
  EXPECT_THAT(
      Ask(line, "Content-Type: application/x-www-form-urlencoded\r\n", "a=1+2&b=%22&a=3").body,
      HasSubstr(R"("inputs":{"a":["1 2","3"],"b":"\""})"));
  EXPECT_EQ(Ask(line, "Content-Type: application/json\r\n", "[1]").status, 422);
  EXPECT_EQ(Ask(line, "Content-Type: text/plain\r\n", "x").status, 415);
  EXPECT_EQ(Ask(line, "Content-Type: multipart/form-data\r\n", "x").status, 400);
  const auto multipart = [](const std::string& boundary, const std::string& file) {
    return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--" +
           boundary + "\r\nContent-Disposition: form-data; name=\"f\"; filename=\"d.csv\"\r\n\r\n" +
           file + "\r\n--" + boundary + "--\r\n";
  };
  const auto one =
      Ask(line, "Content-Type: multipart/form-data; boundary=X\r\n", multipart("X", "1,2,3"));
  EXPECT_THAT(one.body, HasSubstr(R"("inputs":{"a":"one"})"));
  EXPECT_THAT(one.body, HasSubstr("f=d.csv:5:1,2,3;"));
  // The same request has the same digest, whatever its boundary; another file has another.
  const auto again =
      Ask(line, "Content-Type: multipart/form-data; boundary=YY\r\n", multipart("YY", "1,2,3"));
  EXPECT_EQ(one.body, again.body);
  const auto other =
      Ask(line, "Content-Type: multipart/form-data; boundary=X\r\n", multipart("X", "1,2,4"));
  EXPECT_NE(one.body, other.body);
  const std::string large(3'000'000, 'y');
  EXPECT_THAT(
      Ask(line, "Content-Type: multipart/form-data; boundary=X\r\n", multipart("X", large)).body,
      HasSubstr("f=d.csv:3000000:yyyyyyyyyy;"));
  EXPECT_EQ(
      Ask(line, "Content-Type: multipart/form-data; boundary=X\r\n", "--X\r\nContent-Disp").status,
      400);
}

TEST_F(GatewayTest, ABodyThatIsTooLargeIsRefusedByItsHeadOrAsItComes) {
  options_.body.text_bytes_max = 1000;
  const std::string type = "Content-Type: application/yaml\r\n";
  EXPECT_EQ(Ask("POST /api/v1/main/flows", type, std::string(1000, 'x')).status, 200);
  EXPECT_EQ(Ask("POST /api/v1/main/flows", type, std::string(1001, 'x')).status, 413);
  RawClient client(port_);
  client.Send("POST /api/v1/main/flows HTTP/1.1\r\nHost: localhost\r\n" + type +
              "Transfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) client.Send("64\r\n" + std::string(100, 'x') + "\r\n");
  const auto reply = client.Read();
  EXPECT_EQ(reply.status, 413);
  EXPECT_TRUE(reply.Has("Connection: close"));
  EXPECT_EQ(changes_, 1);
}

TEST_F(GatewayTest, AClientThatAsksBeforeItSendsIsToldSo) {
  Start();
  RawClient client(port_);
  client.Send(
      "POST /api/v1/main/flows HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/yaml\r\n"
      "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Read().status, 100);
  client.Send("ab");
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(GatewayTest, WhatIsNoHttpIsRefused) {
  Start();
  struct Case {
    const char* name;
    std::string bytes;
    int status;
  };
  const Case cases[] = {
      {"no HTTP at all", "hello\r\n\r\n", 400},
      {"a header without a colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", 400},
      {"a head that is too large",
       "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n", 431},
      {"two lengths",
       "POST /api/v1/main/flows HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
       "1\r\nContent-Length: 2\r\n\r\nab",
       400},
      {"a length and chunks",
       "POST /api/v1/main/flows HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
       "1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400},
      {"a negative length",
       "POST /api/v1/main/flows HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400},
      {"a chunk that is none",
       "POST /api/v1/main/flows HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
       "text/yaml\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       400},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    RawClient client(port_);
    client.Send(c.bytes);
    EXPECT_EQ(client.Read().status, c.status);
    EXPECT_TRUE(client.IsClosed());
  }
  EXPECT_EQ(changes_, 0);
}

TEST_F(GatewayTest, ASlowHeadEndsTheConnection) {
  options_.http.header_timeout = absl::Milliseconds(50);
  Start();
  RawClient client(port_);
  client.Send("GET / HTTP");
  EXPECT_TRUE(client.IsClosed());
}

TEST_F(GatewayTest, AConnectionTooManyIsAnsweredAndClosed) {
  options_.http.connection_count_max = 1;
  Start();
  RawClient first(port_);
  first.Send(std::string("GET ") + kFlow + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(first.Read().status, 200);
  RawClient second(port_);
  second.Send(std::string("GET ") + kFlow + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(second.Read().status, 503);
}

TEST_F(GatewayTest, FilesAreStreamedWithOrWithoutTheirSize) {
  const auto sized = Ask("GET /api/v1/main/executions/e/file?path=sized");
  EXPECT_TRUE(sized.Has("Content-Length: 300000"));
  EXPECT_EQ(sized.body.size(), 300'000u);
  EXPECT_TRUE(
      sized.Has("Content-Disposition: attachment; filename=\"a_b __.csv\"; "
                "filename*=UTF-8''a%22b%20%C3%A9.csv"))
      << sized.head;
  EXPECT_TRUE(sized.Has("sandbox"));
  const auto chunked = Ask("GET /api/v1/main/executions/e/file?path=unsized");
  EXPECT_TRUE(chunked.complete);
  EXPECT_EQ(chunked.body.size(), 300'000u);
  EXPECT_FALSE(Ask("GET /api/v1/main/executions/e/file?path=short").complete);
}

TEST_F(GatewayTest, EventsAreSentAsTheyComeAndTheStreamEnds) {
  const auto reply = Ask("GET /api/v1/main/executions/short/follow");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.Has("Content-Type: text/event-stream"));
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.body,
            "id: start\ndata: {\"id\":\"short\",\"deleted\":false,\"taskRunCount\":0}\n\n"
            "id: end\ndata: {\"id\":\"short\",\"deleted\":false,\"taskRunCount\":0}\n\n");
}

TEST_F(GatewayTest, ASilentStreamIsKeptAliveAndAGoneClientIsNoticed) {
  options_.http.keepalive = absl::Milliseconds(20);
  Start();
  {
    RawClient client(port_);
    client.Send("GET /api/v1/main/executions/long/follow HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_TRUE(client.ReadUntil(": keepalive\n\n"));
    EXPECT_FALSE(closed_.HasBeenNotified());
  }
  closed_.Wait();
}

TEST_F(GatewayTest, StoppingEndsStreamsAndIdleConnections) {
  Start();
  RawClient idle(port_);
  RawClient follower(port_);
  follower.Send("GET /api/v1/main/executions/long/follow HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(follower.ReadUntil("id: start"));
  gateway_->Stop();
  EXPECT_TRUE(closed_.HasBeenNotified());
  EXPECT_TRUE(follower.IsClosed());
  EXPECT_TRUE(idle.IsClosed());
  EXPECT_THAT(follower.buffer(), HasSubstr("\r\n0\r\n\r\n"));
  EXPECT_FALSE(RawClient(port_).connected());
}

TEST_F(GatewayTest, TheSameMessagesGoByRpc) {
  v1::GetFlowRequest request;
  request.set_namespace_("ns");
  request.set_id("f");
  const std::string type = "Content-Type: application/x-protobuf\r\n";
  const std::string line = "POST /rpc/orch.v1.FlowService/GetFlow";
  const auto reply = Ask(line, type, request.SerializeAsString());
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.Has("Grpc-Status: 0"));
  v1::Flow flow;
  ASSERT_TRUE(flow.ParseFromString(reply.body));
  EXPECT_EQ(flow.id(), "f");
  request.set_id("gone");
  const auto gone = Ask(line, type, request.SerializeAsString());
  EXPECT_EQ(gone.status, 404);
  EXPECT_TRUE(gone.Has("Grpc-Status: 5\r\n"));
  request.set_namespace_("forbidden");
  EXPECT_EQ(Ask(line, type, request.SerializeAsString()).status, 403);
  request.set_namespace_("ns");
  request.set_tenant("other");
  EXPECT_EQ(Ask(line, type, request.SerializeAsString()).status, 404);
  EXPECT_EQ(Ask(line, type, "\xff\xff").status, 422);
  EXPECT_EQ(Ask(line, "Content-Type: text/plain\r\n", "x").status, 415);
  EXPECT_EQ(Ask("POST /rpc/FlowService/Nope", type).status, 404);
  EXPECT_EQ(Ask("GET /rpc/FlowService/GetFlow").status, 405);
  EXPECT_EQ(Ask("POST /rpc/ExecutionService/FollowExecution", type).status, 501);
  v1::CreateExecutionRequest start;
  start.mutable_inputs()->set_utf8("{no json");
  EXPECT_EQ(
      Ask("POST /rpc/ExecutionService/CreateExecution", type, start.SerializeAsString()).status,
      422);
}

TEST_F(GatewayTest, ServesPingOpenApiAndThePage) {
  options_.assets = [](std::string_view path) -> std::optional<Asset> {
    if (path != "/ui/flows") return std::nullopt;
    return Asset{.bytes = "<html>", .content_type = "text/html"};
  };
  EXPECT_EQ(Ask("GET /ping").body, "pong");
  EXPECT_THAT(Ask("GET /api/v1/openapi.json").body, StartsWith("{\"openapi\":\"3.0.3\""));
  const auto page = Ask("GET /ui/flows");
  EXPECT_EQ(page.body, "<html>");
  EXPECT_TRUE(page.Has("default-src 'none'"));
  EXPECT_EQ(Ask("GET /ui/other").status, 404);
}

TEST_F(GatewayTest, TwoCannotHaveOnePort) {
  Start();
  Gateway::Options options = options_;
  options.http.port = port_;
  Gateway other(options, &operations_, &access_, &pool_, &clock_, &random_);
  EXPECT_EQ(other.Start().status().code(), absl::StatusCode::kUnavailable);
}

TEST(Management, TellsHealthAndMetrics) {
  ThreadPool pool({.name = "test", .thread_count = 1});
  prometheus::Registry registry;
  prometheus::BuildCounter()
      .Name("orch_things_total")
      .Help("Things.")
      .Register(registry)
      .Add({})
      .Increment(3);
  std::atomic<bool> ready{false};
  Management management(
      {},
      {.health = [] { return absl::OkStatus(); },
       .ready = [&] { return ready ? absl::OkStatus() : absl::UnavailableError("no shard yet"); }},
      &registry, &pool);
  const int port = *management.Start();
  const auto get = [port](const std::string& path) {
    RawClient client(port);
    client.Send("GET " + path + " HTTP/1.1\r\nHost: anything\r\n\r\n");
    return client.Read();
  };
  EXPECT_EQ(get("/health").body, R"({"status":"UP"})");
  EXPECT_EQ(get("/ready").status, 503);
  EXPECT_THAT(get("/ready").body, HasSubstr("no shard yet"));
  ready = true;
  EXPECT_EQ(get("/ready").status, 200);
  EXPECT_THAT(get("/metrics").body, HasSubstr("orch_things_total 3"));
  EXPECT_EQ(get("/prometheus").status, 200);
  EXPECT_EQ(get("/nothing").status, 404);
}

}  // namespace
}  // namespace orch::gateway
