// HttpServer speaks HTTP/1.1 on one port and hands each exchange to a handler.
//
// Time        Limits are measured by the system's steady clock.
// Threads     Start and Stop from one thread. Runs `thread_count` of its own; reads of answers'
// sources,
//             which may block, are made on the pool.
// Memory      A connection holds its head and one buffer; bodies and answers are streamed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/thread_pool.h"
#include "controlplane/gateway/http.h"

namespace orch::gateway {

class HttpServer {
 public:
  struct Options {
    std::string address = "127.0.0.1";
    int port = 0;          // 0: any that is free.
    int thread_count = 2;  // > 0
    size_t header_bytes_max = 32 * 1024;
    int connection_count_max = 1'000;
    absl::Duration header_timeout = absl::Seconds(10);  // From a head's first byte to its end.
    absl::Duration idle_timeout = absl::Seconds(60);    // Between requests, and without progress.
    absl::Duration keepalive = absl::Seconds(15);       // A comment on a silent stream of events.
    absl::Duration drain = absl::Seconds(5);            // What is under way may end in it.
  };

  // Handler and pool must outlive it.
  HttpServer(Options options, HttpHandler* handler, ThreadPool* pool);
  ~HttpServer();  // Stops.

  // Listens, and returns the port.
  //   kUnavailable  the address or port cannot be had.
  absl::StatusOr<int> Start();

  // Takes no new connection, ends idle ones and streams, lets exchanges under way end within
  // `drain`, then closes everything. Stopping twice is harmless.
  void Stop();

  // Connections that are open now.
  int connection_count() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace orch::gateway
