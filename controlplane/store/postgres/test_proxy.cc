#include "controlplane/store/postgres/test_proxy.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "controlplane/store/postgres/big_endian.h"

namespace orch::store::postgres {
namespace {

// The names of the portal and the statement in the Bind of a claim.
const std::string kClaim("\0claim\0", 7);

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

bool ReadExactly(int fd, char* to, size_t size) {
  while (size > 0) {
    const ssize_t got = ::read(fd, to, size);
    if (got <= 0) return false;
    to += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool WriteAll(int fd, const std::string& bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t put = ::send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (put <= 0) return false;
    at += static_cast<size_t>(put);
  }
  return true;
}

// The next message: a letter (none in the first one), a length, a body.
bool ReadMessage(int fd, bool with_letter, std::string* message) {
  const size_t head = with_letter ? 5 : 4;
  message->resize(head);
  if (!ReadExactly(fd, message->data(), head)) return false;
  const uint32_t size = ReadBigEndian<uint32_t>(message->data() + head - 4);
  message->resize(head - 4 + size);
  return ReadExactly(fd, message->data() + head, size - 4);
}

}  // namespace

TestProxy::TestProxy(std::string server_socket) : server_socket_(std::move(server_socket)) {
  char folder[] = "/tmp/orch-proxy.XXXXXX";
  folder_ = ::mkdtemp(folder);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(folder_ + "/.s.PGSQL.5432");
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_, 100) != 0) {
    std::abort();
  }
  accepting_ = std::thread([this] { Accept(); });
}

TestProxy::~TestProxy() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  accepting_.join();
  Close();
  std::list<std::unique_ptr<Line>> lines;
  {
    MutexLock lock(&mutex_);
    lines.swap(lines_);
  }
  for (const auto& line : lines) {
    line->up.join();
    line->down.join();
    ::close(line->client);
    ::close(line->server);
  }
  ::close(listener_);
  std::filesystem::remove_all(folder_);
}

void TestProxy::Close() {
  closed_ = true;
  MutexLock lock(&mutex_);
  for (const auto& line : lines_) {
    ::shutdown(line->client, SHUT_RDWR);
    ::shutdown(line->server, SHUT_RDWR);
  }
}

void TestProxy::Open() { closed_ = false; }

void TestProxy::Accept() {
  while (!stopping_) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = AddressOf(server_socket_);
    if (closed_ ||
        ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      ::close(client);
      ::close(server);
      continue;
    }
    MutexLock lock(&mutex_);
    Line* line = lines_.emplace_back(std::make_unique<Line>()).get();
    line->client = client;
    line->server = server;
    line->up = std::thread([this, line] { Up(line); });
    line->down = std::thread([this, line] { Down(line); });
  }
}

// From the client to the server.
void TestProxy::Up(Line* line) {
  std::string message;
  bool with_letter = false;
  bool bound = false;  // A claim came: the Sync is that of a batch.
  while (ReadMessage(line->client, with_letter, &message)) {
    if (!with_letter) {
      // Questions for encryption come before the first message proper; both carry no letter.
      const uint32_t code = ReadBigEndian<uint32_t>(message.data() + 4);
      with_letter = code != 80877103 && code != 80877104;
    } else if (message[0] == 'B' && message.find(kClaim) != std::string::npos) {
      bound = true;
    } else if (message[0] == 'S' && std::exchange(bound, false)) {
      const Cut cut = cut_.exchange(Cut::kNone);
      if (cut == Cut::kAfterSync) {
        line->mute = true;
        WriteAll(line->server, message);
        ::shutdown(line->client, SHUT_RDWR);
        return;  // The server's line stays open.
      }
      if (cut == Cut::kBeforeSync) break;
    }
    if (!WriteAll(line->server, message)) break;
  }
  ::shutdown(line->client, SHUT_RDWR);
  ::shutdown(line->server, SHUT_RDWR);
}

// From the server to the client.
void TestProxy::Down(Line* line) {
  std::string message;
  bool first = true;
  while (true) {
    if (first) {
      // The answer to a question for encryption is a letter alone.
      char letter = 0;
      if (::recv(line->server, &letter, 1, MSG_PEEK) <= 0) break;
      if (letter == 'N') {
        message.assign(1, letter);
        if (!ReadExactly(line->server, message.data(), 1)) break;
        if (!WriteAll(line->client, message)) break;
        continue;
      }
      first = false;
    }
    if (!ReadMessage(line->server, /*with_letter=*/true, &message)) break;
    if (message[0] == 'K' && fake_process_) message[8] = static_cast<char>(message[8] + 1);
    if (!line->mute && !WriteAll(line->client, message)) break;
  }
  if (!line->mute) ::shutdown(line->client, SHUT_RDWR);
}

}  // namespace orch::store::postgres
