// HttpClient speaks HTTP/1.1 with one server, one connection per request, and blocks.
//
// A body goes out as it is read, so that an uploaded file is never held in memory; an answer comes
// in whole, or piece by piece to a sink.
//
// Time        `connect_timeout` bounds the connection, `idle_timeout` each silence afterwards.
// Threads     Not thread-safe; make one per thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace orch::cli {

// Where a server is.
struct ServerAddress {
  std::string host;
  uint16_t port = 80;
  std::string base_path;  // "" or "/below", never with a slash at its end

  // Reads http://HOST[:PORT][/PATH]; an IPv6 host stands in brackets.
  //   kInvalidArgument (a usage error)  no such address; https among them, which is not spoken
  //   here.
  static absl::StatusOr<ServerAddress> Parse(std::string_view url);
  std::string ToString() const;
};

// A piece of a request body: text, or the contents of a file.
struct BodyPart {
  std::string text;
  std::string file_path;  // Set: its contents, instead of `text`.
};

struct HttpRequest {
  std::string method = "GET";
  std::string target;  // Path and query, as sent.
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<BodyPart> body;  // Sent one after another.
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // Names in lower case.
  std::string body;

  // The first header of that (lower-case) name, "" when there is none.
  std::string Header(std::string_view name) const;
};

class HttpClient {
 public:
  struct Options {
    absl::Duration connect_timeout = absl::Seconds(5);
    absl::Duration idle_timeout = absl::Seconds(60);
    size_t answer_bytes_max = 256 * 1024 * 1024;  // Of an answer that is held whole.
  };
  HttpClient(ServerAddress server, Options options)
      : server_(std::move(server)), options_(options) {}

  // Sends a request and waits for the whole answer, whatever its status.
  //   kUnavailable        the server cannot be reached, or the connection broke.
  //   kDeadlineExceeded   it was silent for too long.
  //   kNotFound, …        a file of the body cannot be read; nothing was sent.
  //   kResourceExhausted  the answer is larger than this client holds.
  absl::StatusOr<HttpResponse> Send(const HttpRequest& request) const;

  // Sends a request and hands each piece of a 2xx answer to `sink` as it comes, until the server
  // ends it or the sink says false. An answer of another status comes back whole; of a 2xx the body
  // is empty. Errors as for Send; what the sink has been given, it has been given.
  using Sink = std::function<bool(std::string_view piece)>;
  absl::StatusOr<HttpResponse> Stream(const HttpRequest& request, const Sink& sink) const;

  const ServerAddress& server() const { return server_; }

 private:
  ServerAddress server_;
  Options options_;
};

}  // namespace orch::cli
