// The link and the file client against a real gRPC server.
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/status_matchers.h"
#include "base/thread_executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/link/fake_control_plane.h"
#include "worker/link/file_client.h"
#include "worker/link/grpc_link.h"

namespace orch::worker {
namespace {

using testing::HasSubstr;

struct Heard final : Link::Listener {
  void OnMessage(const v1::ControlMessage& message) override {
    Note("message " + std::to_string(message.ping().number()));
  }
  void OnSent() override { Note("sent"); }
  void OnClosed(const absl::Status& why) override { Note("closed"); }
  void Note(const std::string& text) {
    MutexLock lock(&mutex);
    all.push_back(text);
    changed.SignalAll();
  }
  bool WaitFor(const std::string& text, size_t count = 1) {
    MutexLock lock(&mutex);
    for (int seconds = 0; seconds < 30;) {
      if (static_cast<size_t>(std::count(all.begin(), all.end(), text)) >= count) return true;
      if (changed.WaitWithTimeout(&mutex, absl::Seconds(1))) ++seconds;
    }
    return false;
  }
  Mutex mutex;
  CondVar changed;
  std::vector<std::string> all;
};

class LinkTest : public testing::Test {
 protected:
  LinkTest() {
    plane.AnswerHellos(false);
    channel = *Channel::Make({.server = plane.address()});
    On([&] { link = std::make_unique<GrpcLink>(channel, executor); });
  }
  ~LinkTest() override {
    On([&] { link.reset(); });
  }
  void On(std::function<void()> work) {
    Mutex mutex;
    CondVar changed;
    bool done = false;
    executor.Post([&] {
      work();
      MutexLock lock(&mutex);
      done = true;
      changed.Signal();
    });
    MutexLock lock(&mutex);
    while (!done) changed.Wait(&mutex);
  }
  v1::ControlMessage Ping(int64_t number) {
    v1::ControlMessage message;
    message.mutable_ping()->set_number(number);
    return message;
  }
  v1::WorkerMessage Pong(int64_t number) {
    v1::WorkerMessage message;
    message.mutable_pong()->set_number(number);
    return message;
  }

  // The path of a socket ends at 107 bytes: not below the test's own folder.
  FakeControlPlane plane{"/tmp/orch-link" + std::to_string(::getpid()) + ".sock"};
  std::shared_ptr<Channel> channel;
  ThreadExecutor executor{"strand"};
  Heard heard;
  std::unique_ptr<GrpcLink> link;
};

TEST_F(LinkTest, MessagesGoBothWaysInOrder) {
  On([&] {
    link->Open(&heard);
    link->Send(Pong(1));
  });
  ASSERT_TRUE(heard.WaitFor("sent"));
  EXPECT_EQ(plane.WaitFor([](const auto& m) { return m.has_pong(); }).pong().number(), 1);
  for (int64_t i = 1; i <= 100; ++i) plane.Say(Ping(i));  // More than are read ahead.
  ASSERT_TRUE(heard.WaitFor("message 100"));
  std::vector<std::string> expected = {"sent"};
  for (int i = 1; i <= 100; ++i) expected.push_back("message " + std::to_string(i));
  EXPECT_EQ(heard.all, expected);
}

TEST_F(LinkTest, ACutIsToldOnceAndTheNextOpenWorks) {
  On([&] {
    link->Open(&heard);
    link->Send(Pong(1));
  });
  ASSERT_EQ(plane.WaitFor([](const auto& m) { return m.has_pong(); }).pong().number(), 1);
  plane.Cut();
  ASSERT_TRUE(heard.WaitFor("closed"));
  On([&] {
    link->Open(&heard);
    link->Send(Pong(2));
  });
  EXPECT_EQ(plane.WaitFor([](const auto& m) { return m.has_pong(); }).pong().number(), 2);
  EXPECT_EQ(std::count(heard.all.begin(), heard.all.end(), "closed"), 1);
}

TEST_F(LinkTest, NothingIsHeardAfterClose) {
  On([&] {
    link->Open(&heard);
    link->Send(Pong(1));
  });
  ASSERT_EQ(plane.WaitFor([](const auto& m) { return m.has_pong(); }).pong().number(), 1);
  ASSERT_TRUE(heard.WaitFor("sent"));
  size_t before = 0;
  On([&] {
    link->Close();
    before = heard.all.size();
  });
  plane.Say(Ping(1));
  On([&] {
    link->Open(&heard);  // On a new stream,
    link->Send(Pong(2));
  });
  ASSERT_TRUE(heard.WaitFor("sent", 2));
  EXPECT_THAT(heard.all, testing::Not(testing::Contains("closed")));
  EXPECT_EQ(heard.all.size(), before + 1);  // "sent" alone is new.
}

TEST_F(LinkTest, AnAddressWithoutServerIsClosedSoon) {
  plane.GoDown();
  On([&] {
    link->Open(&heard);
    link->Send(Pong(1));
  });
  EXPECT_TRUE(heard.WaitFor("closed"));
  plane.ComeUp();
}

TEST(Channel, RefusesWhatIsNoAddress) {
  for (const char* server : {"", "host", "http://host:1", "host:", ":1", "host:port", "unix:"}) {
    SCOPED_TRACE(server);
    EXPECT_THAT(Channel::Make({.server = server}), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(Channel::Make({.server = "h:1", .certificate_file = "x"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("key")));
  EXPECT_THAT(Channel::Make({.server = "h:1", .ca_file = "/no/such"}),
              StatusIs(absl::StatusCode::kNotFound));
}

class FileClientTest : public LinkTest {
 protected:
  FileClientTest() : client({.patience = absl::Seconds(20)}, channel) {}
  std::string Text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  FileClient client;
  v1::LeaseToken token;
  std::string path = testing::TempDir() + "/file_client";
};

TEST_F(FileClientTest, AFileOfSeveralChunksGoesUpAndComesBack) {
  std::string bytes(1'000'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
  std::ofstream(path, std::ios::binary) << bytes;
  ORCH_ASSERT_OK_AND_ASSIGN(const std::string uri, client.Upload(token, path, "f.bin"));
  EXPECT_EQ(plane.files()["f.bin"], bytes);
  ORCH_EXPECT_OK(client.Download(token, uri, path + "2"));
  EXPECT_EQ(Text(path + "2"), bytes);
}

TEST_F(FileClientTest, AnEmptyFileGoesUp) {
  std::ofstream(path, std::ios::trunc) << "";
  ORCH_EXPECT_OK(client.Upload(token, path, "empty"));
  EXPECT_EQ(plane.files().count("empty"), 1u);
}

TEST_F(FileClientTest, ADownloadThatIsCutGoesOnWhereItWas) {
  std::string bytes(350'000, 'a');
  bytes.back() = 'z';
  plane.PutFile("kestra:///cut", bytes);
  ORCH_EXPECT_OK(client.Download(token, "kestra:///cut", path));
  EXPECT_EQ(Text(path), bytes);
}

TEST_F(FileClientTest, ErrorsKeepTheirCode) {
  std::ofstream(path) << "x";
  EXPECT_THAT(client.Download(token, "kestra:///none", path + "3"),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(client.Upload(token, path, "refused"), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(client.Upload(token, path + "no", "x"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(client.Upload(token, path, "a/b"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(FileClientTest, AServerThatComesBackIsWaitedFor) {
  std::ofstream(path) << "x";
  plane.GoDown();
  std::thread later([&] {
    ::usleep(500'000);
    plane.ComeUp();
  });
  ORCH_EXPECT_OK(client.Upload(token, path, "late"));
  later.join();
}

TEST_F(FileClientTest, AStopEndsTheWaiting) {
  plane.GoDown();
  std::ofstream(path) << "x";
  std::thread later([&] {
    ::usleep(300'000);
    client.Stop();
  });
  EXPECT_THAT(client.Upload(token, path, "never"), StatusIs(absl::StatusCode::kCancelled));
  later.join();
  plane.ComeUp();
}

}  // namespace
}  // namespace orch::worker
