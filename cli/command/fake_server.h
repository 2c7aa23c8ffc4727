#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace orch::cli {

// FakeServer answers HTTP on a free port of loopback, one request per connection, as a test tells
// it.
//
// Threads     One of its own, which calls the handler.
class FakeServer {
 public:
  struct Request {
    std::string method, target, body;
    std::string head;  // As it came, in lower case.
  };
  // The whole answer, head included; the connection ends behind it.
  using Handler = std::function<std::string(const Request&)>;

  explicit FakeServer(Handler handler);
  ~FakeServer();

  std::string url() const;
  // Every request so far.
  std::vector<Request> requests() const;

  // An answer with a body of known length, an event stream that ends, and one that breaks off.
  static std::string Answer(int status, const std::string& body);
  static std::string Events(const std::vector<std::string>& events);
  static std::string BrokenEvents(const std::vector<std::string>& events);

 private:
  void Serve();

  const Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  mutable Mutex mutex_;
  std::vector<Request> requests_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace orch::cli
