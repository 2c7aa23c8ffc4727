#include "controlplane/api/declarations.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace orch::api {
namespace {

namespace pb = ::google::protobuf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A service of one RPC with these options, checked.
std::vector<std::string> FaultsWith(const std::string& options,
                                    const std::string& answer = "Answer") {
  const auto field = [](const std::string& name, int number, const std::string& type,
                        const std::string& label = "OPTIONAL") {
    return "field { name: '" + name + "' number: " + std::to_string(number) + " type: TYPE_" +
           type + " label: LABEL_" + label + " }";
  };
  const auto json = [](const std::string& name, int number) {
    return "field { name: '" + name + "' number: " + std::to_string(number) +
           " type: TYPE_MESSAGE type_name: '.orch.v1.Json' label: LABEL_OPTIONAL }";
  };
  const bool streams = answer.rfind("stream ", 0) == 0;
  const std::string text =
      "name: 't.proto' package: 'orch.v1' syntax: 'proto3' "
      "message_type { name: 'Json' " +
      field("utf8", 1, "BYTES") +
      "} "
      "message_type { name: 'BytesPart' " +
      field("data", 1, "BYTES") +
      "} "
      "message_type { name: 'Ask' " +
      field("tenant", 1, "STRING") + field("id", 2, "STRING") + field("size", 3, "INT32") +
      json("json", 4) +
      "} "
      "message_type { name: 'Answer' " +
      field("many", 1, "STRING", "REPEATED") + field("one", 2, "STRING") +
      field("id", 3, "STRING") + json("data", 4) +
      "} "
      "service { name: 'S' method { name: 'M' input_type: '.orch.v1.Ask' output_type: '.orch.v1." +
      (streams ? answer.substr(7) : answer) +
      "' server_streaming: " + (streams ? "true" : "false") + " options { " + options + " } } }";
  pb::FileDescriptorProto file;
  if (!pb::TextFormat::ParseFromString(text, &file)) return {"does not parse"};
  pb::DescriptorPool pool;
  const pb::FileDescriptor* built = pool.BuildFile(file);
  if (built == nullptr) return {"cannot be built"};
  return FaultsOf({built->service(0)});
}

constexpr char kRead[] = R"([orch.v1.permission]: "thing.read" )";
constexpr char kWrite[] =
    R"([orch.v1.permission]: "thing.write"  [orch.v1.audit]: "THING_SET"  [orch.v1.changes]: true )";

std::string Rest(const std::string& rest) { return "[orch.v1.rest] { " + rest + " } "; }

TEST(Declarations, OursHaveNoFault) { EXPECT_THAT(FaultsOf(ServedServices()), IsEmpty()); }

TEST(Declarations, ACompleteOneHasNoFault) {
  EXPECT_THAT(FaultsWith(Rest(R"(method: "GET" path: "T/things/{id}")") + kRead), IsEmpty());
  EXPECT_THAT(
      FaultsWith(
          Rest(R"(method: "PUT" path: "T/things/{id}" body: BODY_MULTIPART body_field: "json")") +
          kWrite),
      IsEmpty());
  EXPECT_THAT(FaultsWith(std::string("[orch.v1.rpc_only]: true ") + kRead), IsEmpty());
}

TEST(Declarations, EachOmissionIsAFault) {
  struct Case {
    const char* name;
    std::string options;
    const char* fault;
    const char* answer = "Answer";
  };
  const Case cases[] = {
      {"no address", kRead, "neither a REST address nor rpc_only"},
      {"both", Rest(R"(method: "GET" path: "T/x")") + "[orch.v1.rpc_only]: true " + kRead,
       "although"},
      {"no permission", Rest(R"(method: "GET" path: "T/x")"), "no permission"},
      {"a permission of one word",
       Rest(R"(method: "GET" path: "T/x")") + R"([orch.v1.permission]: "x" )", "no permission"},
      {"a change without audit",
       Rest(R"(method: "POST" path: "T/x")") + kRead + "[orch.v1.changes]: true ", "no audit verb"},
      {"audit of no change",
       Rest(R"(method: "POST" path: "T/x")") + kRead + R"([orch.v1.audit]: "X" )",
       "changes nothing"},
      {"a change by GET", Rest(R"(method: "GET" path: "T/x")") + kWrite, "by GET"},
      {"DELETE that changes nothing", Rest(R"(method: "DELETE" path: "T/x")") + kRead,
       "declares no change"},
      {"a path from nowhere", Rest(R"(method: "GET" path: "x/y")") + kRead, "neither T/ nor I/"},
      {"an unknown field in the path", Rest(R"(method: "GET" path: "T/{nope}")") + kRead, "{nope}"},
      {"a number in the path", Rest(R"(method: "GET" path: "T/{size}")") + kRead, "{size}"},
      {"an empty segment", Rest(R"(method: "GET" path: "T/x//y")") + kRead, "empty segment"},
      {"a body that is nowhere", Rest(R"(method: "POST" path: "T/x" body: BODY_TEXT)") + kRead,
       "no body_field"},
      {"a body that does not fit",
       Rest(R"(method: "POST" path: "T/x" body: BODY_TEXT body_field: "size")") + kRead,
       "does not fit"},
      {"an array of no list",
       Rest(R"(method: "GET" path: "T/x" result: RESULT_ARRAY result_field: "one")") + kRead,
       "no repeated result_field"},
      {"events by a call that does not stream",
       Rest(R"(method: "GET" path: "T/x" result: RESULT_SSE result_field: "data")") + kRead,
       "streams"},
      {"a stream without a kind", Rest(R"(method: "GET" path: "T/x")") + kRead, "streams",
       "stream Answer"},
      {"two at one address",
       Rest(R"(method: "GET" path: "T/x/{id}")") + Rest(R"(method: "GET" path: "T/x/{tenant}")") +
           kRead,
       "same address"},
      {"a failure as success", Rest(R"(method: "GET" path: "T/x" status: 404)") + kRead, "status"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_THAT(FaultsWith(c.options, c.answer), Contains(HasSubstr(c.fault)));
  }
}

}  // namespace
}  // namespace orch::api
