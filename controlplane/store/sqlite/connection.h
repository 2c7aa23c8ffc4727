// Connection and Statement own a sqlite3 and its prepared statements.
//
// Threads     Not thread-safe; a connection may pass from one thread to another.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/store/sql/session.h"

namespace orch::store::sqlite {

// What an error of SQLite asks of the caller:
//   FULL, NOMEM                      kResourceExhausted
//   BUSY, LOCKED, IOERR, READONLY …  kUnavailable
//   CORRUPT, NOTADB                  kDataLoss
//   CONSTRAINT, TOOBIG, MISMATCH     kInvalidArgument
absl::Status StatusOf(int code, std::string_view message);

// Binds and runs one statement again and again. What is bound must live until Run or Reset returns.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  void Bind(int index, int64_t value) { sqlite3_bind_int64(get(), index, value); }
  void Bind(int index, std::string_view text) {
    sqlite3_bind_text(get(), index, text.data() ? text.data() : "", static_cast<int>(text.size()),
                      SQLITE_STATIC);
  }
  void BindBlob(int index, std::string_view bytes) {
    // A null pointer would bind NULL.
    sqlite3_bind_blob(get(), index, bytes.data() ? bytes.data() : "",
                      static_cast<int>(bytes.size()), SQLITE_STATIC);
  }

  // Runs a statement without rows and makes it ready again. SQLITE_OK or the error.
  int Run() {
    sqlite3_step(get());
    return sqlite3_reset(get());
  }
  int Step() { return sqlite3_step(get()); }
  int Reset() { return sqlite3_reset(get()); }

  sqlite3_stmt* get() const { return statement_.get(); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Connection final : public sql::SqlSession {
 public:
  struct Options {
    std::string path;
    std::string vfs;  // "" for SQLite's own.
    bool query_only = false;
    absl::Duration busy_wait = absl::Seconds(5);  // Someone with a shell may hold the file.
  };
  // Opens or makes the file in WAL mode with synchronous=FULL.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const Options& options);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Runs a script. Its error code, or SQLITE_OK.
  int Run(const char* script) { return sqlite3_exec(db_, script, nullptr, nullptr, nullptr); }
  absl::StatusOr<Statement> Prepare(std::string_view sql);

  // The last error, as a status; `code` is what the call answered.
  absl::Status Error(int code) const { return StatusOf(code, sqlite3_errmsg(db_)); }
  sqlite3* get() const { return db_; }

  absl::Status Query(const std::string& sql, const std::vector<sql::SqlValue>& params,
                     const std::function<absl::Status(const sql::SqlRow&)>& each) override;
  absl::StatusOr<int64_t> Execute(const std::string& sql,
                                  const std::vector<sql::SqlValue>& params) override;
  absl::Status BeginSnapshot() override;
  void EndSnapshot() override;
  std::string Contains(const std::string& text, const std::string& part) const override;

 private:
  explicit Connection(sqlite3* db) : db_(db) {}
  // The statement of `sql`, prepared once, with `params` bound.
  absl::StatusOr<Statement*> Bound(const std::string& sql,
                                   const std::vector<sql::SqlValue>& params);

  sqlite3* db_;
  std::map<std::string, Statement> statements_;  // At most kStatementCountMax.
};

}  // namespace orch::store::sqlite
