#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controlplane/api/declarations.h"
#include "controlplane/api/errors.h"
#include "controlplane/api/json/json_text.h"
#include "controlplane/gateway/bind.h"
#include "controlplane/gateway/multipart.h"
#include "controlplane/gateway/openapi.h"
#include "controlplane/gateway/origin.h"
#include "controlplane/gateway/router.h"
#include "controlplane/gateway/target.h"
#include "orch/v1/execution_service.pb.h"

namespace orch::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const Router& OurRouter() {
  static const Router& router = *new Router(api::ServedServices());
  return router;
}

// "FlowService.GetFlow tenant=main namespace=a id=b", "405 GET,PUT", or "404".
std::string Found(const std::string& method, const std::string& path) {
  const auto target = ParseTarget(path);
  if (!target.ok()) return std::to_string(api::HttpStatusOf(target.status()));
  const Match match = OurRouter().Find(method, target->segments);
  std::string text;
  if (match.route == nullptr) {
    if (match.methods.empty()) return "404";
    for (const std::string& other : match.methods) text += (text.empty() ? "405 " : ",") + other;
    return text;
  }
  text = api::NameOf(*match.route->method);
  for (const auto& [field, value] : match.fields) text += " " + field->name() + "=" + value;
  return text;
}

TEST(Router, EachAddressHasOneRpc) {
  struct Case {
    const char* method;
    const char* path;
    const char* found;
  };
  const Case cases[] = {
      {"GET", "/api/v1/main/flows/search", "FlowService.SearchFlows tenant=main"},
      {"GET", "/api/v1/flows/search", "FlowService.SearchFlows tenant=main"},
      {"GET", "/api/v1/other/flows/search", "FlowService.SearchFlows tenant=other"},
      {"GET", "/api/v1/main/flows/my.team", "FlowService.ListFlows tenant=main namespace=my.team"},
      {"GET", "/api/v1/main/flows/a/b", "FlowService.GetFlow tenant=main namespace=a id=b"},
      {"POST", "/api/v1/main/flows", "FlowService.CreateFlow tenant=main"},
      {"POST", "/api/v1/main/flows/validate", "FlowService.ValidateFlows tenant=main"},
      {"POST", "/api/v1/main/flows/bulk", "FlowService.ApplyFlows tenant=main"},
      {"POST", "/api/v1/main/flows/my.ns", "FlowService.ApplyFlows tenant=main namespace=my.ns"},
      {"GET", "/api/v1/main/executions/e1",
       "ExecutionService.GetExecution tenant=main execution_id=e1"},
      {"GET", "/api/v1/executions/e%201",
       "ExecutionService.GetExecution tenant=main execution_id=e 1"},
      {"POST", "/api/v1/main/executions/ns/flow",
       "ExecutionService.CreateExecution tenant=main namespace=ns flow_id=flow"},
      {"POST", "/api/v1/main/executions/trigger/ns/flow",
       "ExecutionService.CreateExecution tenant=main namespace=ns flow_id=flow"},
      {"POST", "/api/v1/main/executions/e1/eval",
       "ExecutionService.EvaluateExpression tenant=main execution_id=e1"},
      {"POST", "/api/v1/main/executions/ns/flow/validate",
       "ExecutionService.ValidateInputs tenant=main namespace=ns flow_id=flow"},
      {"DELETE", "/api/v1/main/executions/e1/kill",
       "ExecutionService.KillExecution tenant=main execution_id=e1"},
      {"DELETE", "/api/v1/main/executions/e1/actions/kill",
       "ExecutionService.KillExecution tenant=main execution_id=e1"},
      {"GET", "/api/v1/main/namespaces/a.b/kv/k%2Fx",
       "KvService.GetKv tenant=main namespace=a.b key=k/x"},
      {"GET", "/api/v1/configs", "InstanceService.GetConfigs"},
      {"GET", "/api/v1/main/configs", "404"},
      {"PUT", "/api/v1/main/flows", "405 POST"},
      {"PATCH", "/api/v1/main/flows/a/b", "405 DELETE,GET,PUT"},
      {"GET", "/api/v2/main/flows/search", "404"},
      {"GET", "/api/v1", "404"},
      {"GET", "/api/v1/main/nothing", "404"},
      {"GET", "/api/v1/main/flows/a/b/c/d/e", "404"},
      {"GET", "/api/v1/main/flows/../flows/search", "400"},
      {"GET", "/api/v1/main/flows/%2e%2e/x", "400"},
      {"GET", "/api/v1//main/flows/search", "400"},
      {"GET", "/api/v1/main/flows/search/", "400"},
      {"GET", "/api/v1/main/flows/a%0Ab", "400"},
      {"GET", "/api/v1/main/flows/a%zz", "400"},
      {"GET", "/api/v1/main/flows/a%ff", "400"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(Found(c.method, c.path), c.found) << c.method << " " << c.path;
}

TEST(ParseTarget, DecodesTheQuery) {
  const auto target = ParseTarget("/a?x=1+2&y=%26&z&x=%C3%A9&&=v");
  ASSERT_TRUE(target.ok());
  EXPECT_THAT(target->query, ElementsAre(Pair("x", "1 2"), Pair("y", "&"), Pair("z", ""),
                                         Pair("x", "é"), Pair("", "v")));
}

struct Bound {
  absl::Status status;
  v1::SearchExecutionsRequest request;
  std::vector<std::string> warnings;
};
Bound BindSearch(const std::string& query) {
  Bound bound;
  const auto target = ParseTarget("/api/v1/main/executions/search?" + query);
  const Match match = OurRouter().Find("GET", target->segments);
  bound.status = Bind(match, *target, {}, &bound.request, &bound.warnings);
  return bound;
}

TEST(Bind, FillsFieldsFromPathQueryAndFilters) {
  const Bound bound = BindSearch(
      "page=2&size=25&state=RUNNING&state=FAILED,KILLED&labels=a:b&startDate=2026-01-01T00:00:00Z"
      "&timeRange=&filters[namespace][PREFIX]=my.team&filters[labels][EQUALS][env]=prod");
  ASSERT_TRUE(bound.status.ok()) << bound.status;
  EXPECT_EQ(bound.request.tenant(), "main");
  EXPECT_EQ(bound.request.page(), 2);
  EXPECT_EQ(bound.request.size(), 25);
  EXPECT_THAT(bound.request.state(), ElementsAre(v1::RUNNING, v1::FAILED, v1::KILLED));
  EXPECT_FALSE(bound.request.has_time_range());
  ASSERT_EQ(bound.request.filters_size(), 2);
  EXPECT_EQ(bound.request.filters(1).key(), "env");
  EXPECT_EQ(bound.request.filters(1).value(), "prod");
}

TEST(Bind, RefusesByNameWhatAListDoesNotKnow) {
  for (const auto& [query, name] : std::vector<std::pair<std::string, std::string>>{
           {"nope=1", "nope"},
           {"tenant=other", "tenant"},
           {"size=x", "size"},
           {"state=RAN", "state"},
           {"filters[state]=x", "filters[state]"},
           {"filters[a][b][c][d]=x", "filters[a][b][c][d]"}}) {
    const Bound bound = BindSearch(query);
    EXPECT_EQ(api::HttpStatusOf(bound.status), 422) << query;
    EXPECT_THAT(std::string(bound.status.message()), HasSubstr(name));
  }
}

TEST(Bind, TakesHeadersAndWarnsOfWhatNobodyKnows) {
  const auto target = ParseTarget("/api/v1/main/executions/ns/f?wait=true&cacheBuster=1&inputs=x");
  const Match match = OurRouter().Find("POST", target->segments);
  v1::CreateExecutionRequest request;
  std::vector<std::string> warnings;
  ASSERT_TRUE(Bind(match, *target, {{"idempotency-key", "k1"}}, &request, &warnings).ok());
  EXPECT_TRUE(request.wait());
  EXPECT_EQ(request.idempotency_key(), "k1");
  EXPECT_FALSE(request.has_inputs());
  EXPECT_EQ(warnings.size(), 2u);
}

TEST(Origin, OnlyLoopbackNamesAreThisMachine) {
  for (const char* host : {"localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:80", "127.9.8.7",
                           "[::1]:8080", "[::1]"}) {
    EXPECT_TRUE(IsLoopbackHost(host)) << host;
  }
  for (const char* host :
       {"", "example.com", "localhost.example.com", "127.0.0.1.example.com", "127.0.0", "0.0.0.0",
        "128.0.0.1", "127.0.0.256", "[::2]", "[::1", "localhost:80x", "127.0.0.1.", "::1"}) {
    EXPECT_FALSE(IsLoopbackHost(host)) << host;
  }
}

TEST(Origin, APageOfAnotherSiteChangesNothing) {
  struct Case {
    const char* name;
    Headers headers;
    bool allowed;
  };
  const Case cases[] = {
      {"no browser", {{"Host", "localhost:8080"}}, true},
      {"our own page",
       {{"Host", "localhost:8080"},
        {"Origin", "http://localhost:8080"},
        {"Sec-Fetch-Site", "same-origin"}},
       true},
      {"another site", {{"Host", "localhost:8080"}, {"Origin", "http://evil.example"}}, false},
      {"another port", {{"Host", "localhost:8080"}, {"Origin", "http://localhost:3000"}}, false},
      {"https of the same name",
       {{"Host", "localhost:8080"}, {"Origin", "https://localhost:8080"}},
       false},
      {"an origin that hides", {{"Host", "localhost:8080"}, {"Origin", "null"}}, false},
      {"cross-site without origin",
       {{"Host", "localhost:8080"}, {"Sec-Fetch-Site", "cross-site"}},
       false},
      {"a rebound name", {{"Host", "evil.example"}}, false},
      {"no host", {}, false},
  };
  for (const Case& c : cases)
    EXPECT_EQ(CheckLocal(c.headers, Guarded::kYes).ok(), c.allowed) << c.name;
  EXPECT_TRUE(
      CheckLocal({{"Host", "localhost"}, {"Origin", "http://evil.example"}}, Guarded::kNo).ok());
}

// Parts as "name|file name|content", however the body is cut.
struct Parsed {
  std::vector<std::string> parts;
  absl::Status status;
};
Parsed ParseParts(const std::string& body, size_t piece, int part_count_max = 100) {
  Parsed parsed;
  Multipart multipart("B",
                      {.begin =
                           [&](const Multipart::PartHead& head) {
                             parsed.parts.push_back(head.name + "|" +
                                                    (head.has_file_name ? head.file_name : "-") +
                                                    "|");
                             return absl::OkStatus();
                           },
                       .data =
                           [&](std::string_view data) {
                             parsed.parts.back() += std::string(data);
                             return absl::OkStatus();
                           },
                       .end =
                           [&] {
                             parsed.parts.back() += ".";
                             return absl::OkStatus();
                           }},
                      part_count_max);
  for (size_t at = 0; at < body.size() && parsed.status.ok(); at += piece) {
    parsed.status = multipart.Take(std::string_view(body).substr(at, piece));
  }
  if (parsed.status.ok()) parsed.status = multipart.Finish();
  return parsed;
}

TEST(Multipart, IsTakenApartHoweverItIsCut) {
  const std::string body =
      "preamble\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--not it\r\n"
      "\r\n--B  \r\ncontent-disposition: form-data; filename=\"x \\\"y\\\".csv\"; "
      "name=b\r\nContent-Type: text/csv\r\n\r\n"
      "1\r\n2\r\n--B\r\nContent-Disposition: form-data; name=\"empty%22\"; "
      "filename=\"\"\r\n\r\n\r\n--B--\r\nepilogue";
  for (size_t piece = 1; piece <= body.size(); ++piece) {
    const Parsed parsed = ParseParts(body, piece);
    ASSERT_TRUE(parsed.status.ok()) << parsed.status << " by " << piece;
    ASSERT_THAT(parsed.parts,
                ElementsAre("a|-|one\r\n--not it\r\n.", "b|x \"y\".csv|1\r\n2.", "empty\"||."))
        << "by " << piece;
  }
}

TEST(Multipart, AFormMayBeEmpty) {
  EXPECT_TRUE(ParseParts("--B--\r\n", 3).status.ok());
  EXPECT_TRUE(ParseParts("--B--", 1).parts.empty());
}

TEST(Multipart, RefusesWhatIsNone) {
  const std::string head = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
  for (const std::string& body :
       {std::string("hello"), head, head + "x\r\n--B", head + "x", std::string("--Bx\r\n\r\n"),
        std::string("--B\r\nContent-Type: a/b\r\n\r\nx\r\n--B--"),
        std::string("--B\r\nnonsense\r\n\r\nx\r\n--B--"), std::string("--B\r\n\r\nx\r\n--B--"),
        "--B\r\nX: " + std::string(9'000, 'x') + "\r\n\r\n\r\n--B--"}) {
    EXPECT_EQ(api::HttpStatusOf(ParseParts(body, 7).status), 400) << body.substr(0, 60);
  }
  EXPECT_FALSE(
      ParseParts(head + "x\r\n" + head + "y\r\n--B--", 10, /*part_count_max=*/1).status.ok());
}

TEST(Multipart, FindsItsBoundary) {
  EXPECT_EQ(*BoundaryOf("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(*BoundaryOf("multipart/form-data; charset=x; boundary=\"a b\""), "a b");
  for (const char* type :
       {"multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary"}) {
    EXPECT_FALSE(BoundaryOf(type).ok()) << type;
  }
}

TEST(OpenApi, IsJsonAndDescribesEachAddress) {
  const std::string text = OpenApiOf(OurRouter());
  EXPECT_TRUE(api::json::CheckJson(text).ok());
  EXPECT_THAT(text, HasSubstr("\"/api/v1/{tenant}/flows/{namespace}/{id}\""));
  EXPECT_THAT(text, HasSubstr("\"operationId\":\"CreateExecution\""));
  EXPECT_THAT(text, HasSubstr("\"TaskRunView\":{\"type\":\"object\""));
}

}  // namespace
}  // namespace orch::gateway
