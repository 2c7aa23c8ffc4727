#include "controlplane/api/services_fixture.h"

namespace orch::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

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
