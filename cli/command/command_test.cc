#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/random.h"
#include "cli/command/arguments.h"
#include "cli/command/fake_server.h"
#include "cli/command/verbs.h"
#include "orch/v1/execution_service.pb.h"
#include "orch/v1/flow_service.pb.h"
#include "orch/v1/kv_service.pb.h"

namespace orch::cli {
namespace {

class KeepingConsole final : public Console {
 public:
  KeepingConsole() : Console(Options{}) {}
  void Out(std::string_view text) override { out += text; }
  void Draw(std::string_view bytes) override { talk += bytes; }
  std::string out;
  std::string talk;
};

// Runs one command line against a server that answers as `handler` says.
struct Ran {
  Ran(const FakeServer& server, std::vector<std::string> line) {
    line.push_back("--server");
    line.push_back(server.url());
    RealClock clock;
    SeededRandom random(1);
    Arguments arguments("orch", "");
    AddVerbs(arguments.root(), Session{console, clock, random});
    code = arguments.Run(line, console);
  }
  KeepingConsole console;
  int code = -1;
};

std::string ExecutionJson(const std::string& state) {
  return absl::StrCat(R"({"id":"e1","namespace":"n","flowId":"f","state":{"current":")", state,
                      R"(","startDate":"2026-01-01T00:00:00.000Z"},"taskRunList":[]})");
}

std::string Event(const std::string& id, const std::string& state) {
  return absl::StrCat("id: ", id, "\ndata: ", ExecutionJson(state), "\n\n");
}

bool IsFollow(const FakeServer::Request& request) { return request.target.ends_with("/follow"); }

TEST(Run, PrintsTheIdAndSendsInputsLabelsAndKey) {
  FakeServer server([](const auto&) { return FakeServer::Answer(200, ExecutionJson("CREATED")); });
  const Ran ran(server, {"run", "n", "f", "-i", "a=1=2", "--label", "team=data ops",
                         "--idempotency-key", "k7"});
  EXPECT_EQ(ran.code, 0) << ran.console.talk;
  EXPECT_EQ(ran.console.out, "e1\n");
  const auto request = server.requests().at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/api/v1/main/executions/trigger/n/f?labels=team%3Adata%20ops");
  EXPECT_NE(request.head.find("\r\nidempotency-key: k7"), std::string::npos);
  EXPECT_NE(request.body.find("name=\"a\"\r\n\r\n1=2\r\n"), std::string::npos);
}

TEST(Run, AFileGoesAsAFileWhereTheFlowTakesOneAndAsTextElsewhere) {
  const std::string path = testing::TempDir() + "/cli_input_" + std::to_string(getpid());
  std::ofstream(path) << "contents";
  FakeServer server([](const FakeServer::Request& request) {
    if (!request.target.starts_with("/rpc/")) {
      return FakeServer::Answer(200, ExecutionJson("CREATED"));
    }
    v1::Flow flow;
    flow.mutable_document()->set_utf8(
        R"({"inputs":[{"id":"data","type":"FILE"},{"id":"text","type":"STRING"}]})");
    return FakeServer::Answer(200, flow.SerializeAsString());
  });
  const Ran ran(server, {"run", "n", "f", "-i", "data=@" + path, "-i", "text=@" + path});
  std::filesystem::remove(path);
  EXPECT_EQ(ran.code, 0) << ran.console.talk;
  const std::string body = server.requests().at(1).body;
  EXPECT_NE(body.find("name=\"data\"; filename=\"cli_input_"), std::string::npos) << body;
  EXPECT_NE(body.find("octet-stream\r\n\r\ncontents\r\n"), std::string::npos) << body;
  EXPECT_NE(body.find("name=\"text\"\r\n\r\ncontents\r\n"), std::string::npos) << body;
}

TEST(Run, WaitingEndsWithTheNumberOfTheState) {
  const struct {
    const char* state;
    std::vector<std::string> options;
    int code;
  } cases[] = {
      {"SUCCESS", {}, 0},    {"FAILED", {}, 10}, {"KILLED", {}, 11},
      {"CANCELLED", {}, 12}, {"WARNING", {}, 0}, {"WARNING", {"--fail-on=warning"}, 13},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.state);
    std::atomic<bool> ended = false;
    FakeServer server([&](const FakeServer::Request& request) {
      if (IsFollow(request)) {
        ended = true;
        return FakeServer::Events({Event("start", "RUNNING"), Event("end", c.state)});
      }
      return FakeServer::Answer(200, ExecutionJson(ended ? c.state : "RUNNING"));
    });
    std::vector<std::string> line = {"run", "n", "f", "--wait"};
    line.insert(line.end(), c.options.begin(), c.options.end());
    const Ran ran(server, line);
    EXPECT_EQ(ran.code, c.code) << ran.console.talk;
    EXPECT_EQ(ran.console.out, "e1\n");
  }
}

TEST(Run, JsonIsTheExecutionAtItsEndAndNothingElse) {
  FakeServer server([](const FakeServer::Request& request) {
    return FakeServer::Answer(200, ExecutionJson(request.method == "POST" ? "CREATED" : "SUCCESS"));
  });
  const Ran ran(server, {"run", "n", "f", "--wait", "-o", "json"});
  EXPECT_EQ(ran.code, 0) << ran.console.talk;
  EXPECT_EQ(ran.console.out, ExecutionJson("SUCCESS") + "\n");
}

TEST(Follow, AStreamThatBreaksOffIsTakenUpAgain) {
  std::atomic<int> streams = 0;
  FakeServer server([&](const FakeServer::Request& request) {
    if (!IsFollow(request)) {
      return FakeServer::Answer(200, ExecutionJson(streams >= 3 ? "SUCCESS" : "RUNNING"));
    }
    return ++streams < 3 ? FakeServer::BrokenEvents({Event("progress", "RUNNING")})
                         : FakeServer::Events({Event("end", "SUCCESS")});
  });
  const Ran ran(server, {"execution", "tree", "e1", "--follow"});
  EXPECT_EQ(ran.code, 0) << ran.console.talk;
  EXPECT_EQ(streams, 3);
  EXPECT_EQ(ran.console.talk, "● n.f  RUNNING\n✓ n.f  SUCCESS\n");
}

TEST(Follow, AServerThatIsBusyForAWhileIsAskedAgain) {
  std::atomic<int> count = 0;
  FakeServer server([&](const FakeServer::Request& request) {
    if (IsFollow(request)) return FakeServer::Answer(503, "{\"message\":\"starting\"}");
    return FakeServer::Answer(200, ExecutionJson(++count >= 3 ? "FAILED" : "RUNNING"));
  });
  const Ran ran(server, {"x", "tree", "e1", "-f"});
  EXPECT_EQ(ran.code, 10) << ran.console.talk;
}

TEST(Follow, TheTimeIsUpBeforeTheEnd) {
  FakeServer server([&](const FakeServer::Request& request) {
    return IsFollow(request) ? FakeServer::Events({Event("progress", "RUNNING")})
                             : FakeServer::Answer(200, ExecutionJson("RUNNING"));
  });
  const Ran ran(server, {"run", "n", "f", "--wait", "--timeout", "PT0.3S"});
  EXPECT_EQ(ran.code, 7) << ran.console.talk;
  EXPECT_NE(ran.console.talk.find("it goes on"), std::string::npos);
}

TEST(Follow, AnExecutionThatIsNotThereIsExitThree) {
  FakeServer server([](const auto&) { return FakeServer::Answer(404, "{\"message\":\"no\"}"); });
  EXPECT_EQ(Ran(server, {"x", "tree", "none", "-f"}).code, 3);
}

TEST(Verbs, ErrorsOfTheServerAreToldWithTheirRequest) {
  FakeServer server([](const auto&) {
    return FakeServer::Answer(422, R"({"message":"Invalid entity: x","requestId":"r9"})");
  });
  for (const std::vector<std::string>& line : std::vector<std::vector<std::string>>{
           {"run", "n", "f"}, {"kv", "list", "n"}, {"flow", "list"}}) {
    const Ran ran(server, line);
    EXPECT_EQ(ran.code, 6);
    EXPECT_NE(ran.console.talk.find("Invalid entity: x"), std::string::npos);
    EXPECT_NE(ran.console.talk.find("r9"), std::string::npos);
    EXPECT_EQ(ran.console.out, "");
  }
}

TEST(Verbs, JsonIsThatOfTheRestApi) {
  FakeServer server([](const FakeServer::Request& request) {
    if (request.target == "/rpc/orch.v1.KvService/ListKv") {
      v1::KvList list;
      list.add_entries()->set_key("k");
      return FakeServer::Answer(200, list.SerializeAsString());
    }
    v1::ExecutionPage page;
    page.set_total(0);
    return FakeServer::Answer(200, page.SerializeAsString());
  });
  EXPECT_EQ(Ran(server, {"kv", "list", "n", "-o", "json"}).console.out, "[{\"key\":\"k\"}]\n");
  EXPECT_EQ(Ran(server, {"execution", "list", "-o", "json"}).console.out,
            "{\"results\":[],\"total\":0}\n");
}

TEST(Verbs, AValueIsSentAsTheKindItLooksLike) {
  const struct {
    std::vector<std::string> given;
    const char* sent;
  } cases[] = {
      {{"42"}, "42"},
      {{"true"}, "true"},
      {{"two words"}, "\"two words\""},
      {{"PT1H"}, "PT1H"},
      {{"2026-01-02"}, "2026-01-02"},
      {{"{\"a\": 1}"}, "{\"a\": 1}"},
      {{"42", "--type", "string"}, "\"42\""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.given[0]);
    FakeServer server([](const auto&) { return FakeServer::Answer(200, ""); });
    std::vector<std::string> line = {"kv", "set", "n", "k"};
    line.insert(line.end(), c.given.begin(), c.given.end());
    EXPECT_EQ(Ran(server, line).code, 0);
    v1::PutKvRequest request;
    ASSERT_TRUE(request.ParseFromString(server.requests().at(0).body));
    EXPECT_EQ(request.value(), c.sent);
  }
}

}  // namespace
}  // namespace orch::cli
