#include "controlplane/store/sqlite/connection.h"

#include "absl/strings/str_format.h"
#include "base/overloaded.h"
#include "base/status_macros.h"

namespace orch::store::sqlite {
namespace {

constexpr size_t kStatementCountMax = 200;  // Filters make many; past it all are prepared anew.

class StatementRow final : public sql::SqlRow {
 public:
  explicit StatementRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  int64_t Int(int column) const override { return sqlite3_column_int64(statement_, column); }
  double Double(int column) const override { return sqlite3_column_double(statement_, column); }
  std::string_view Bytes(int column) const override {
    const void* bytes = sqlite3_column_blob(statement_, column);
    if (bytes == nullptr) return {};
    return {static_cast<const char*>(bytes),
            static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

void BindValue(Statement& statement, int index, const sql::SqlValue& value) {
  std::visit(Overloaded{
                 [&](std::monostate) { sqlite3_bind_null(statement.get(), index); },
                 [&](bool flag) { statement.Bind(index, int64_t{flag}); },
                 [&](int64_t number) { statement.Bind(index, number); },
                 [&](double number) { sqlite3_bind_double(statement.get(), index, number); },
                 [&](std::string_view text) { statement.Bind(index, text); },
                 [&](sql::Blob blob) { statement.BindBlob(index, blob.bytes); },
             },
             value);
}

}  // namespace

absl::Status StatusOf(int code, std::string_view message) {
  const std::string text =
      absl::StrFormat("SQLite: %s (%s)", std::string(message), sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW: return absl::OkStatus();
    case SQLITE_FULL:
    case SQLITE_NOMEM: return absl::ResourceExhaustedError(text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT: return absl::UnavailableError(text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return absl::DataLossError(text);
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH: return absl::InvalidArgumentError(text);
    default: return absl::InternalError(text);
  }
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const Options& options) {
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(
      options.path.c_str(), &db,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      options.vfs.empty() ? nullptr : options.vfs.c_str());
  std::unique_ptr<Connection> connection(new Connection(db));
  if (code != SQLITE_OK) {
    return StatusOf(code, absl::StrFormat("cannot open %s: %s", options.path,
                                          db ? sqlite3_errmsg(db) : "no memory"));
  }
  sqlite3_busy_timeout(db, static_cast<int>(absl::ToInt64Milliseconds(options.busy_wait)));
  // Checkpoints are Database's, not each commit's.
  const char* settings = options.query_only
                             ? "PRAGMA query_only=ON; PRAGMA cache_size=-8192;"
                             : "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                               "PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-65536;"
                               "PRAGMA temp_store=MEMORY;";
  if (const int rc = connection->Run(settings); rc != SQLITE_OK) return connection->Error(rc);
  return connection;
}

Connection::~Connection() {
  statements_.clear();
  sqlite3_close_v2(db_);
}

absl::StatusOr<Statement> Connection::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Error(code);
  return Statement(statement);
}

absl::StatusOr<Statement*> Connection::Bound(const std::string& sql,
                                             const std::vector<sql::SqlValue>& params) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    if (statements_.size() >= kStatementCountMax) statements_.clear();
    ORCH_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
    found = statements_.emplace(sql, std::move(statement)).first;
  }
  Statement& statement = found->second;
  for (size_t i = 0; i < params.size(); ++i) {
    // $n is a name to SQLite, which numbers names as it meets them.
    const std::string name = "$" + std::to_string(i + 1);
    const int index = sqlite3_bind_parameter_index(statement.get(), name.c_str());
    if (index > 0) BindValue(statement, index, params[i]);
  }
  return &statement;
}

absl::Status Connection::Query(const std::string& sql, const std::vector<sql::SqlValue>& params,
                               const std::function<absl::Status(const sql::SqlRow&)>& each) {
  ORCH_ASSIGN_OR_RETURN(Statement * statement, Bound(sql, params));
  const StatementRow row(statement->get());
  int code;
  while ((code = statement->Step()) == SQLITE_ROW) {
    if (absl::Status status = each(row); !status.ok()) {
      statement->Reset();
      return status;
    }
  }
  absl::Status status = Error(code);
  statement->Reset();
  return status;
}

absl::StatusOr<int64_t> Connection::Execute(const std::string& sql,
                                            const std::vector<sql::SqlValue>& params) {
  ORCH_ASSIGN_OR_RETURN(Statement * statement, Bound(sql, params));
  if (const int code = statement->Run(); code != SQLITE_OK) return Error(code);
  return sqlite3_changes64(db_);
}

absl::Status Connection::BeginSnapshot() { return Error(Run("BEGIN")); }

void Connection::EndSnapshot() { Run("COMMIT"); }

std::string Connection::Contains(const std::string& text, const std::string& part) const {
  return "instr(" + text + ", " + part + ") > 0";
}

}  // namespace orch::store::sqlite
