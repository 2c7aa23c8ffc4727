#include <gtest/gtest.h>

#include "base/random.h"
#include "cli/client/errors.h"
#include "cli/client/http.h"
#include "cli/client/multipart.h"
#include "cli/client/sse.h"
#include "cli/exit_code.h"

namespace orch::cli {
namespace {

TEST(ServerAddress, ReadsWhatPeopleWrite) {
  const struct {
    const char* given;
    const char* then;  // "" is refused
  } cases[] = {
      {"http://localhost:8080", "http://localhost:8080"},
      {"http://localhost:8080/", "http://localhost:8080"},
      {"http://orch.example/below/", "http://orch.example:80/below"},
      {"http://[::1]:9000", "http://[::1]:9000"},
      {"localhost:8080", ""},
      {"https://localhost", ""},
      {"http://", ""},
      {"http://host:", ""},
      {"http://host:0", ""},
      {"http://host:99999", ""},
      {"http://user@host", ""},
      {"http://[::1", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.given);
    const auto address = ServerAddress::Parse(c.given);
    if (*c.then == '\0') {
      EXPECT_FALSE(address.ok());
      EXPECT_EQ(ExitCodeOf(address.status()), kUsage);
    } else {
      ASSERT_TRUE(address.ok()) << address.status();
      EXPECT_EQ(address->ToString(), c.then);
    }
  }
}

TEST(HttpClient, AServerThatIsNotThereIsExitEightAndSaysWhatToDo) {
  const HttpClient client(*ServerAddress::Parse("http://127.0.0.1:1"), {});
  const auto response = client.Send({.target = "/"});
  EXPECT_EQ(ExitCodeOf(response.status()), kUnreachable);
  EXPECT_NE(response.status().message().find("orch dev"), std::string::npos);
}

TEST(Multipart, PartsStandInTheirOrderBetweenBoundaries) {
  SeededRandom random(7);
  const Form form = MakeForm({{"a\"b", "1", ""}, {"data", "", "/tmp/x/in.csv"}}, random);
  const std::string boundary = form.content_type.substr(form.content_type.find('=') + 1);
  ASSERT_EQ(form.body.size(), 6u);
  EXPECT_EQ(form.body[0].text,
            "--" + boundary + "\r\nContent-Disposition: form-data; name=\"a%22b\"\r\n\r\n1");
  EXPECT_EQ(form.body[2].text,
            "--" + boundary +
                "\r\nContent-Disposition: form-data; name=\"data\"; filename=\"in.csv\"\r\n"
                "Content-Type: application/octet-stream\r\n\r\n");
  EXPECT_EQ(form.body[3].file_path, "/tmp/x/in.csv");
  EXPECT_EQ(form.body[4].text, "\r\n");
}

TEST(Sse, EventsComeOutTheSameHoweverTheStreamIsCut) {
  const std::string stream =
      ": hello\r\n\r\nid: 1\nevent: progress\ndata: {\"a\":\ndata: 1}\n\nid: 2\n\ndata:x\r\rretry: "
      "5\n\n";
  for (size_t size = 1; size <= stream.size(); ++size) {
    SCOPED_TRACE(size);
    SseParser parser;
    std::vector<SseEvent> events;
    for (size_t at = 0; at < stream.size(); at += size) {
      for (SseEvent& event : parser.Feed(std::string_view(stream).substr(at, size))) {
        events.push_back(std::move(event));
      }
    }
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[0].name, "progress");
    EXPECT_EQ(events[0].data, "{\"a\":\n1}");
    EXPECT_EQ(events[1].id, "2");
    EXPECT_EQ(events[1].data, "");
    EXPECT_EQ(events[2].data, "x");
    EXPECT_EQ(events[2].id, "2");
  }
}

TEST(ServerErrors, TellMessagePathAndRequest) {
  const absl::Status status = ServerError(
      422,
      R"({"message":"Invalid entity","_embedded":{"errors":[{"message":"no","path":"tasks[0]"}]},"requestId":"r7"})",
      "");
  EXPECT_EQ(ExitCodeOf(status), kValidation);
  EXPECT_EQ(status.message(), "Invalid entity\n  at tasks[0]\n  request id r7");
}

TEST(ServerErrors, EachStatusHasItsExitCode) {
  const struct {
    int given;
    int then;
  } cases[] = {{400, 6}, {401, 4}, {403, 4}, {404, 3}, {409, 5},
               {422, 6}, {500, 1}, {503, 1}, {504, 7}, {429, 1}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.given);
    EXPECT_EQ(ExitCodeOf(ServerError(c.given, "", "")), c.then);
  }
}

}  // namespace
}  // namespace orch::cli
