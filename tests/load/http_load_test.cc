#include "tests/load/http_load.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace orch::load {
namespace {

// Answers each request on each connection as it is told to, in one thread.
class FakeServer {
 public:
  struct Answer {
    std::string text;
    bool close = false;
  };
  // `answer` gets the number of the request, from 0.
  explicit FakeServer(std::function<Answer(int)> answer) : answer_(std::move(answer)) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
    ::listen(listener_.get(), 64);
    socklen_t size = sizeof(address);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeServer() {
    stopping_ = true;
    thread_.join();
  }

  int port() const { return port_; }
  int connection_count() const { return connection_count_; }
  int request_count() const { return request_count_; }
  std::string last_request() const { return last_request_; }  // Once the load is over.

 private:
  void Serve() {
    while (!stopping_) {
      std::vector<pollfd> polls = {{listener_.get(), POLLIN, 0}};
      for (const auto& [fd, in] : in_) polls.push_back({fd, POLLIN, 0});
      ::poll(polls.data(), polls.size(), 5);
      for (size_t i = 1; i < polls.size(); ++i) {
        if (polls[i].revents != 0) Take(polls[i].fd);
      }
      if (polls[0].revents != 0) {
        in_[::accept(listener_.get(), nullptr, nullptr)] = "";
        ++connection_count_;
      }
    }
    for (const auto& [fd, in] : in_) ::close(fd);
  }
  void Take(int fd) {
    char buffer[4096];
    const ssize_t count = ::recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (count <= 0) return Drop(fd);
    std::string& in = in_[fd];
    in.append(buffer, static_cast<size_t>(count));
    if (!in.ends_with("\r\n\r\nbody")) return;
    last_request_ = in;
    in.clear();
    const Answer answer = answer_(request_count_++);
    // In two pieces, as a server writes a head and then a body.
    const size_t half = answer.text.size() / 2;
    ::send(fd, answer.text.data(), half, MSG_NOSIGNAL);
    ::send(fd, answer.text.data() + half, answer.text.size() - half, MSG_NOSIGNAL);
    if (answer.close) Drop(fd);
  }
  void Drop(int fd) {
    ::close(fd);
    in_.erase(fd);
  }

  const std::function<Answer(int)> answer_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connection_count_ = 0;
  std::atomic<int> request_count_ = 0;
  std::string last_request_;
  std::map<int, std::string> in_;
  std::thread thread_;
};

std::string Ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

HttpLoad::Options To(const FakeServer& server) {
  return {.port = server.port(), .target = "/rpc/x", .body = "body"};
}

TEST(HttpLoadTest, AClosedLoopUsesOneConnectionAndKeepsTheOrder) {
  FakeServer server([](int i) { return FakeServer::Answer{Ok("answer " + std::to_string(i))}; });
  ORCH_ASSERT_OK_AND_ASSIGN(const std::vector<Exchange> done, HttpLoad(To(server)).Repeat(20));
  ASSERT_EQ(done.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    const Exchange& one = done[static_cast<size_t>(i)];
    EXPECT_EQ(one.status, 200);
    EXPECT_EQ(one.body, "answer " + std::to_string(i));
    EXPECT_LE(one.due_micros, one.sent_micros);
    EXPECT_LE(one.sent_micros, one.answered_micros);
    if (i > 0) {
      EXPECT_GE(one.due_micros, done[static_cast<size_t>(i) - 1].answered_micros);
    }
  }
  EXPECT_EQ(server.connection_count(), 1);
  EXPECT_NE(server.last_request().find("POST /rpc/x HTTP/1.1\r\n"), std::string::npos);
  EXPECT_NE(server.last_request().find("Content-Length: 4\r\n"), std::string::npos);
}

TEST(HttpLoadTest, AnOpenLoopOffersTheRateThatItWasGiven) {
  FakeServer server([](int) { return FakeServer::Answer{Ok("")}; });
  ORCH_ASSERT_OK_AND_ASSIGN(const std::vector<Exchange> done,
                            HttpLoad(To(server)).Offer(1'000, absl::Milliseconds(300)));
  ASSERT_EQ(done.size(), 300u);
  EXPECT_EQ(done.back().due_micros - done.front().due_micros, 299'000);
  for (const Exchange& one : done) {
    EXPECT_EQ(one.status, 200);
    EXPECT_GE(one.sent_micros, one.due_micros);
  }
}

TEST(HttpLoadTest, WaitingForAConnectionCountsAsLatency) {
  FakeServer server([](int) {
    absl::SleepFor(absl::Milliseconds(20));
    return FakeServer::Answer{Ok("")};
  });
  HttpLoad::Options options = To(server);
  options.connection_count_max = 1;
  ORCH_ASSERT_OK_AND_ASSIGN(const std::vector<Exchange> done,
                            HttpLoad(options).Offer(1'000, absl::Milliseconds(10)));
  ASSERT_EQ(done.size(), 10u);
  // Due 9 ms after the first, and answered after ten times 20 ms.
  EXPECT_GE(done.back().answered_micros - done.back().due_micros, 190'000);
  EXPECT_LT(done.back().answered_micros - done.back().sent_micros, 190'000);
  EXPECT_EQ(server.connection_count(), 1);
}

TEST(HttpLoadTest, AConnectionThatIsClosedCostsItsRequestAndIsReplaced) {
  FakeServer server([](int i) {
    return i == 2 ? FakeServer::Answer{.text = "", .close = true} : FakeServer::Answer{Ok("x")};
  });
  ORCH_ASSERT_OK_AND_ASSIGN(const std::vector<Exchange> done, HttpLoad(To(server)).Repeat(5));
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(done[i].status, i == 2 ? 0 : 200) << i;
  EXPECT_EQ(server.connection_count(), 2);
}

TEST(HttpLoadTest, AnErrorIsTold) {
  FakeServer server([](int) {
    return FakeServer::Answer{"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno"};
  });
  ORCH_ASSERT_OK_AND_ASSIGN(const std::vector<Exchange> done, HttpLoad(To(server)).Repeat(1));
  EXPECT_EQ(done[0].status, 503);
  EXPECT_EQ(done[0].body, "no");
}

TEST(HttpLoadTest, ASilentServerIsGivenUp) {
  FakeServer server([](int) { return FakeServer::Answer{""}; });
  HttpLoad::Options options = To(server);
  options.patience = absl::Milliseconds(50);
  ORCH_ASSERT_OK_AND_ASSIGN(const std::vector<Exchange> closed, HttpLoad(options).Repeat(3));
  EXPECT_EQ(closed[0].answered_micros, 0);
  EXPECT_EQ(closed[1].sent_micros, 0);
  ORCH_ASSERT_OK_AND_ASSIGN(const std::vector<Exchange> open,
                            HttpLoad(options).Offer(100, absl::Milliseconds(50)));
  EXPECT_EQ(open[4].answered_micros, 0);
  EXPECT_EQ(open[4].status, 0);
}

TEST(HttpLoadTest, NobodyListensIsAnError) {
  EXPECT_THAT(HttpLoad({.port = 1, .target = "/"}).Repeat(1).status(),
              StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace orch::load
