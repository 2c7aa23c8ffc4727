// HttpLoad sends one POST over and over on connections that stay open, and notes when each was due,
// sent and answered.
//
// A request that finds no free connection waits its turn, and its wait counts: times are told from
// the moment it was due, so that a slow server cannot slow its own judge.
//
// Time        The system clock, which a control plane on this machine also writes into its rows.
// Threads     One: the caller's. Each method blocks until its load is over.
// Memory      An entry per request, its answer included.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"

namespace orch::load {

struct Exchange {
  int64_t due_micros = 0;       // When it was to be sent.
  int64_t sent_micros = 0;      // 0: it never was.
  int64_t answered_micros = 0;  // 0: it never was.
  int status = 0;               // Of HTTP; 0: no answer.
  std::string body;
};

class HttpLoad {
 public:
  struct Options {
    int port = 0;        // Of 127.0.0.1.
    std::string target;  // "/rpc/…"
    std::string content_type = "application/x-protobuf";
    std::string body;
    int connection_count_max = 800;
    // How long answers may take after the last request was due.
    absl::Duration patience = absl::Seconds(30);
  };
  explicit HttpLoad(Options options);
  ~HttpLoad();

  // Open loop: `rate` requests a second for `duration`, whatever becomes of them.
  //   kUnavailable  no connection can be made.
  absl::StatusOr<std::vector<Exchange>> Offer(double rate, absl::Duration duration);

  // Closed loop: `count` requests, each when the one before was answered.
  //   kUnavailable  no connection can be made.
  absl::StatusOr<std::vector<Exchange>> Repeat(int count);

 private:
  struct Connection;
  absl::StatusOr<Connection*> Connect();
  // Sends the request of `exchange` on a connection that is free, or opened for it. False: none is.
  absl::StatusOr<bool> Send(size_t exchange);
  // Waits for answers until `until_micros`, a moment of the system clock.
  absl::Status Wait(int64_t until_micros);
  void Read(Connection& connection);
  void Close(Connection& connection);

  const Options options_;
  std::string request_;
  UniqueFd epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> free_;
  std::vector<Exchange> exchanges_;
  size_t waiting_ = 0;  // Sent and not yet answered.
};

}  // namespace orch::load
