// Session is one connection to a PostgreSQL server that is fit to keep a store.
//
// Opening one refuses a server older than 14, a standby, one that may lose what it answered (fsync
// or full_page_writes off) and a pooler in between, under which neither locks nor prepared
// statements hold.
//
// Time        Every call ends within its timeout; a line on which none came is closed.
// Threads     Not thread-safe; may pass from one thread to another.
// Durability  synchronous_commit is on.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/store/sql/session.h"

namespace orch::store::postgres {

// A deadline, by a clock that does not step.
using Moment = std::chrono::steady_clock::time_point;

struct SessionOptions {
  std::string conninfo;  // As libpq takes it: key=value words, or a URI.
  absl::Duration connect_timeout = absl::Seconds(5);
  absl::Duration statement_timeout = absl::Seconds(30);
};

struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, FreeResult>;

// Five letters that say what went wrong; "" for none.
std::string SqlState(const PGresult* result);

// What an error asks of the caller:
//   08…, 57P0…                        kUnavailable        no line
//   40…, 55P03, 57014                 kUnavailable        again
//   53…, 25006, 58030                 kResourceExhausted  no room on disk, or read-only
//   22…, 23…, 21000, 54…              kInvalidArgument    a row that cannot be stored
//   XX001, XX002                      kDataLoss
absl::Status StatusOf(const std::string& sql_state, const std::string& message);

class Session final : public sql::SqlSession {
 public:
  //   kUnavailable         no line to the server.
  //   kFailedPrecondition  the server is not fit; the message says what to change.
  static absl::StatusOr<std::unique_ptr<Session>> Open(const SessionOptions& options);

  PGconn* get() const { return connection_.get(); }
  // Whether the line is gone. Nothing more can be done with the session.
  bool broken() const { return broken_ || PQstatus(get()) != CONNECTION_OK; }
  // Whether the server has closed the line meanwhile: looks, without waiting.
  bool Stale();

  // Runs a script of statements without parameters.
  absl::Status Run(const std::string& script);

  // Waits until the socket can be read, or written if `writing`. False: the deadline has passed, or
  // the line broke; the session is broken then.
  bool Wait(bool writing, Moment deadline);

  // Sends what is buffered and reads the next result. Null without an error when a statement's
  // results have ended; broken() when the line was lost.
  Result Next(Moment deadline);

  absl::Status Query(const std::string& sql, const std::vector<sql::SqlValue>& params,
                     const std::function<absl::Status(const sql::SqlRow&)>& each) override;
  absl::StatusOr<int64_t> Execute(const std::string& sql,
                                  const std::vector<sql::SqlValue>& params) override;
  absl::Status BeginSnapshot() override;
  void EndSnapshot() override;
  std::string Contains(const std::string& text, const std::string& part) const override;

  Moment Deadline() const;
  int server_version() const { return PQserverVersion(get()); }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  explicit Session(const SessionOptions& options) : options_(options) {}
  absl::Status Connect();
  absl::Status CheckServer();
  absl::StatusOr<Result> Ask(const std::string& sql, const std::vector<sql::SqlValue>& params);
  absl::StatusOr<Result> Collect();
  absl::Status Lost();

  const SessionOptions options_;
  std::unique_ptr<PGconn, Finish> connection_;
  bool broken_ = false;
};

}  // namespace orch::store::postgres
