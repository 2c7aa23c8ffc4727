// RawClient speaks HTTP byte by byte, so that tests can say what no library would.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace orch::gateway {

class RawClient {
 public:
  struct Reply {
    int status = 0;  // 0: the connection ended without an answer.
    std::string head;
    std::string body;  // Chunks put together.
    bool complete = false;
    bool Has(std::string_view text) const { return head.find(text) != std::string::npos; }
  };

  explicit RawClient(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  bool connected() const { return connected_; }

  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }

  // Waits until what arrived holds `text`; false when the connection ended or 10 s passed before.
  bool ReadUntil(std::string_view text) {
    while (buffer_.find(text) == std::string::npos) {
      if (!ReadSome()) return false;
    }
    return true;
  }
  const std::string& buffer() const { return buffer_; }

  // Whether the other side has closed, after what it had to say.
  bool IsClosed() {
    while (ReadSome()) {
    }
    return closed_;
  }

  // One answer; `bodiless` for HEAD.
  Reply Read(bool bodiless = false) {
    Reply reply;
    if (!ReadUntil("\r\n\r\n")) return reply;
    const size_t end = buffer_.find("\r\n\r\n") + 4;
    reply.head = buffer_.substr(0, end);
    buffer_.erase(0, end);
    reply.status = std::atoi(reply.head.substr(9, 3).c_str());
    if (reply.status == 100) return reply;
    if (bodiless || reply.status == 204) {
      reply.complete = true;
    } else if (reply.Has("Transfer-Encoding: chunked")) {
      reply.complete = ReadChunks(&reply.body);
    } else if (const size_t at = reply.head.find("Content-Length: "); at != std::string::npos) {
      const size_t size = std::strtoul(reply.head.c_str() + at + 16, nullptr, 10);
      while (buffer_.size() < size && ReadSome()) {
      }
      reply.complete = buffer_.size() >= size;
      reply.body = buffer_.substr(0, size);
      buffer_.erase(0, size);
    }
    return reply;
  }

 private:
  bool ReadSome() {
    pollfd wait{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, 10'000) != 1) return false;
    char bytes[4096];
    const ssize_t count = recv(fd_.get(), bytes, sizeof bytes, 0);
    if (count <= 0) closed_ = true;
    if (count > 0) buffer_.append(bytes, static_cast<size_t>(count));
    return count > 0;
  }
  bool ReadChunks(std::string* body) {
    while (ReadUntil("\r\n")) {
      const size_t line = buffer_.find("\r\n");
      const size_t size = std::strtoul(buffer_.c_str(), nullptr, 16);
      while (buffer_.size() < line + 2 + size + 2) {
        if (!ReadSome()) return false;
      }
      body->append(buffer_, line + 2, size);
      buffer_.erase(0, line + 2 + size + 2);
      if (size == 0) return true;
    }
    return false;
  }

  UniqueFd fd_;
  bool connected_ = false;
  bool closed_ = false;
  std::string buffer_;
};

}  // namespace orch::gateway
