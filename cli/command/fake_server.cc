#include "cli/command/fake_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace orch::cli {
namespace {

std::string Chunks(const std::vector<std::string>& events) {
  std::string out =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& event : events)
    absl::StrAppendFormat(&out, "%x\r\n%s\r\n", event.size(), event);
  return out;
}

}  // namespace

FakeServer::FakeServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
  listen(listener_, 16);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

FakeServer::~FakeServer() {
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

std::string FakeServer::url() const { return absl::StrCat("http://127.0.0.1:", port_); }

std::vector<FakeServer::Request> FakeServer::requests() const {
  MutexLock lock(&mutex_);
  return requests_;
}

std::string FakeServer::Answer(int status, const std::string& body) {
  return absl::StrCat("HTTP/1.1 ", status, " X\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

std::string FakeServer::Events(const std::vector<std::string>& events) {
  return Chunks(events) + "0\r\n\r\n";
}

std::string FakeServer::BrokenEvents(const std::vector<std::string>& events) {
  return Chunks(events);
}

void FakeServer::Serve() {
  while (true) {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    std::string in;
    char bytes[4096];
    size_t wanted = std::string::npos;  // Of the whole request, once its head is in.
    size_t head_end = 0;
    while (in.size() < wanted) {
      const ssize_t count = read(fd, bytes, sizeof(bytes));
      if (count <= 0) break;
      in.append(bytes, static_cast<size_t>(count));
      if (wanted != std::string::npos) continue;
      head_end = in.find("\r\n\r\n");
      if (head_end == std::string::npos) continue;
      std::string head = in.substr(0, head_end);
      std::transform(head.begin(), head.end(), head.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      const size_t length = head.find("content-length: ");
      wanted =
          head_end + 4 + (length == std::string::npos ? 0 : std::stoul(head.substr(length + 16)));
    }
    Request request;
    const size_t space = in.find(' ');
    if (space != std::string::npos) {
      request.method = in.substr(0, space);
      request.target = in.substr(space + 1, in.find(' ', space + 1) - space - 1);
      request.head = in.substr(0, head_end);
      std::transform(request.head.begin(), request.head.end(), request.head.begin(),
                     [](unsigned char c) { return std::tolower(c); });
      request.body = in.substr(head_end + 4);
      {
        MutexLock lock(&mutex_);
        requests_.push_back(request);
      }
      const std::string answer = handler_(request);
      for (size_t at = 0; at < answer.size();) {
        const ssize_t count = send(fd, answer.data() + at, answer.size() - at, MSG_NOSIGNAL);
        if (count <= 0) break;
        at += static_cast<size_t>(count);
      }
    }
    close(fd);
  }
}

}  // namespace orch::cli
