// What HTTP exchanges are made of, apart from any library.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/gateway/event_queue.h"
#include "controlplane/storage/byte_source.h"

namespace orch::gateway {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of a header, names compared without case; "" when it is absent.
std::string_view FindHeader(const Headers& headers, std::string_view name);

struct HttpHead {
  std::string method;
  std::string target;  // As it came: path and query.
  Headers headers;
  int64_t content_length = -1;  // -1: chunked, or no body.
  bool has_body = false;
};

// An answer is a text, or a source that is streamed, or events.
struct HttpAnswer {
  int status = 200;
  std::string content_type;
  Headers headers;
  std::string text;
  std::unique_ptr<storage::ByteSource> source;
  int64_t source_size = -1;  // -1: not known, sent in chunks.
  std::shared_ptr<EventQueue> events;
  bool close = false;  // The connection ends after it.
};

// One request, from its head to its answer.
//
// Threads     One call at a time.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;
  // Whether to read the body at all. If not, Finish follows at once and the rest of the connection
  // is given up.
  virtual bool wants_body() const = 0;
  // The next piece of the body. An error ends the reading: Finish follows, and answers it.
  virtual absl::Status TakeBody(std::string_view piece) = 0;
  // The body is complete, or was not wanted. Calls `respond` once, now or later, on any thread. The
  // exchange lives until the answer has been sent.
  virtual void Finish(std::function<void(HttpAnswer)> respond) = 0;
};

// Threads     Called from the server's threads, for many connections at once; must not block.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual std::unique_ptr<HttpExchange> Begin(HttpHead head) = 0;
  // The answer to bytes that are no HTTP (400), to a head that is too large (431) or too slow
  // (408), and to a connection too many (503).
  virtual HttpAnswer Refuse(int status, std::string_view why) = 0;
};

}  // namespace orch::gateway
