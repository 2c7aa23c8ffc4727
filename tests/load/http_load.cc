#include "tests/load/http_load.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"

namespace orch::load {
namespace {

// Requests that fall due within it are sent together, so that waking up is not what is measured.
constexpr int64_t kTickMicros = 200;
constexpr size_t kNone = static_cast<size_t>(-1);

int64_t NowMicros() { return absl::ToUnixMicros(absl::Now()); }

absl::Status Failed(const char* what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// The length of the body that a head announces, -1 when it announces none.
int64_t ContentLength(std::string_view head) {
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    constexpr std::string_view kName = "content-length:";
    if (line.size() < kName.size() ||
        !absl::EqualsIgnoreCase(absl::string_view(line.data(), kName.size()),
                                absl::string_view(kName.data(), kName.size()))) {
      continue;
    }
    std::string_view digits = line.substr(kName.size());
    while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
    int64_t length = -1;
    std::from_chars(digits.data(), digits.data() + digits.size(), length);
    return length;
  }
  return -1;
}

}  // namespace

struct HttpLoad::Connection {
  UniqueFd fd;
  std::string in;
  size_t exchange = kNone;  // What it waits for.
};

HttpLoad::HttpLoad(Options options) : options_(std::move(options)) {
  request_ = absl::StrCat("POST ", options_.target, " HTTP/1.1\r\nHost: 127.0.0.1:", options_.port,
                          "\r\nContent-Type: ", options_.content_type,
                          "\r\nAccept: ", options_.content_type,
                          "\r\nContent-Length: ", options_.body.size(), "\r\n\r\n", options_.body);
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
}

HttpLoad::~HttpLoad() = default;

absl::StatusOr<HttpLoad::Connection*> HttpLoad::Connect() {
  auto connection = std::make_unique<Connection>();
  connection->fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(options_.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = connection->fd.get();
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return Failed("connect");
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = connection.get();
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return Failed("epoll_ctl");
  connections_.push_back(std::move(connection));
  return connections_.back().get();
}

absl::StatusOr<bool> HttpLoad::Send(size_t exchange) {
  Connection* connection = nullptr;
  if (!free_.empty()) {
    connection = free_.back();  // The one last used: few stay busy while few are needed.
    free_.pop_back();
  } else if (static_cast<int>(connections_.size()) < options_.connection_count_max) {
    ORCH_ASSIGN_OR_RETURN(connection, Connect());
  } else {
    return false;
  }
  // Nothing is under way on it, so a request this small fits the socket's buffer.
  const ssize_t sent =
      ::send(connection->fd.get(), request_.data(), request_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  exchanges_[exchange].sent_micros = NowMicros();
  if (sent != static_cast<ssize_t>(request_.size())) {
    Close(*connection);  // The exchange stays without an answer.
    return true;
  }
  connection->exchange = exchange;
  ++waiting_;
  return true;
}

absl::Status HttpLoad::Wait(int64_t until_micros) {
  const int64_t left = std::max<int64_t>(0, until_micros - NowMicros());
  const timespec timeout = {left / 1'000'000, left % 1'000'000 * 1'000};
  epoll_event events[256];
  const int count = ::epoll_pwait2(epoll_.get(), events, 256, &timeout, nullptr);
  if (count < 0 && errno != EINTR) return Failed("epoll_pwait2");
  for (int i = 0; i < count; ++i) Read(*static_cast<Connection*>(events[i].data.ptr));
  return absl::OkStatus();
}

void HttpLoad::Read(Connection& connection) {
  char buffer[16 * 1024];
  const ssize_t count = ::recv(connection.fd.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return Close(connection);
  connection.in.append(buffer, static_cast<size_t>(count));
  const std::string_view in = connection.in;
  const size_t end = in.find("\r\n\r\n");
  if (end == std::string_view::npos) return;
  const int64_t length = ContentLength(in.substr(0, end));
  if (length < 0 || connection.exchange == kNone) return Close(connection);
  const size_t whole = end + 4 + static_cast<size_t>(length);
  if (in.size() < whole) return;
  Exchange& exchange = exchanges_[connection.exchange];
  exchange.answered_micros = NowMicros();
  const std::string_view code = in.substr(std::min(in.find(' '), end) + 1, 3);
  std::from_chars(code.data(), code.data() + code.size(), exchange.status);
  exchange.body = std::string(in.substr(end + 4));
  connection.in.clear();
  connection.exchange = kNone;
  --waiting_;
  free_.push_back(&connection);
}

void HttpLoad::Close(Connection& connection) {
  if (connection.exchange != kNone) --waiting_;
  std::erase(free_, &connection);
  std::erase_if(connections_, [&](const auto& one) { return one.get() == &connection; });
}

absl::StatusOr<std::vector<Exchange>> HttpLoad::Offer(double rate, absl::Duration duration) {
  const auto count = static_cast<size_t>(rate * absl::ToDoubleSeconds(duration));
  const double interval_micros = 1e6 / rate;
  exchanges_.assign(count, Exchange());
  const int64_t start = NowMicros();
  for (size_t i = 0; i < count; ++i) {
    exchanges_[i].due_micros =
        start + static_cast<int64_t>(interval_micros * static_cast<double>(i));
  }
  const int64_t last =
      start + absl::ToInt64Microseconds(duration) + absl::ToInt64Microseconds(options_.patience);
  size_t next = 0;
  while ((next < count || waiting_ > 0) && NowMicros() < last) {
    const int64_t now = NowMicros();
    bool room = true;
    while (room && next < count && exchanges_[next].due_micros <= now) {
      ORCH_ASSIGN_OR_RETURN(room, Send(next));
      if (room) ++next;
    }
    int64_t wake = last;  // Until an answer makes room, unless something falls due before.
    if (room && next < count) wake = std::max(exchanges_[next].due_micros, now + kTickMicros);
    ORCH_RETURN_IF_ERROR(Wait(std::min(wake, last)));
  }
  return std::exchange(exchanges_, {});
}

absl::StatusOr<std::vector<Exchange>> HttpLoad::Repeat(int count) {
  exchanges_.assign(static_cast<size_t>(count), Exchange());
  const int64_t patience = absl::ToInt64Microseconds(options_.patience);
  for (size_t i = 0; i < exchanges_.size(); ++i) {
    exchanges_[i].due_micros = NowMicros();
    ORCH_RETURN_IF_ERROR(Send(i).status());
    const int64_t last = exchanges_[i].due_micros + patience;
    while (waiting_ > 0 && NowMicros() < last) ORCH_RETURN_IF_ERROR(Wait(last));
    if (waiting_ > 0) break;  // It will not come: the rest stays unsent.
  }
  return std::exchange(exchanges_, {});
}

}  // namespace orch::load
