#include "controlplane/store/postgres/session.h"

#include <poll.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"
#include "base/overloaded.h"
#include "base/status_macros.h"
#include "controlplane/store/postgres/big_endian.h"

namespace orch::store::postgres {
namespace {

constexpr Oid kBool = 16;
constexpr Oid kBytea = 17;
constexpr Oid kInt8 = 20;
constexpr Oid kText = 25;
constexpr Oid kFloat8 = 701;
constexpr int kServerVersionMin = 140'000;
constexpr absl::Duration kSlack = absl::Seconds(5);  // The server's own timeout should come first.

// A row of a result in binary form.
class ResultRow final : public sql::SqlRow {
 public:
  ResultRow(const PGresult* result, int row) : result_(result), row_(row) {}
  bool IsNull(int column) const override { return PQgetisnull(result_, row_, column) != 0; }
  int64_t Int(int column) const override {
    const char* bytes = PQgetvalue(result_, row_, column);
    switch (PQgetlength(result_, row_, column)) {
      case 1: return static_cast<unsigned char>(bytes[0]);
      case 2: return static_cast<int16_t>(ReadBigEndian<uint16_t>(bytes));
      case 4: return static_cast<int32_t>(ReadBigEndian<uint32_t>(bytes));
      case 8: return static_cast<int64_t>(ReadBigEndian<uint64_t>(bytes));
      default: return 0;
    }
  }
  double Double(int column) const override {
    if (PQgetlength(result_, row_, column) != 8) return 0;
    return std::bit_cast<double>(ReadBigEndian<uint64_t>(PQgetvalue(result_, row_, column)));
  }
  std::string_view Bytes(int column) const override {
    return {PQgetvalue(result_, row_, column),
            static_cast<size_t>(PQgetlength(result_, row_, column))};
  }

 private:
  const PGresult* result_;
  int row_;
};

// Parameters in binary form, as libpq takes them.
struct BinaryParams {
  std::vector<std::string> held;
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
  std::vector<Oid> types;

  explicit BinaryParams(const std::vector<sql::SqlValue>& params) {
    held.reserve(params.size());
    for (const sql::SqlValue& param : params) {
      std::visit(
          Overloaded{
              [&](std::monostate) { Add(0, nullptr, 0); },
              [&](bool flag) { Hold(kBool, std::string(1, flag ? '\1' : '\0')); },
              [&](int64_t number) { Hold(kInt8, BigEndian(static_cast<uint64_t>(number))); },
              [&](double number) { Hold(kFloat8, BigEndian(std::bit_cast<uint64_t>(number))); },
              [&](std::string_view text) { Add(kText, text.data(), text.size()); },
              [&](sql::Blob blob) { Add(kBytea, blob.bytes.data(), blob.bytes.size()); },
          },
          param);
      if (!std::holds_alternative<std::monostate>(param) && values.back() == nullptr) {
        values.back() = "";  // Empty, which is not NULL.
      }
    }
  }
  void Hold(Oid type, std::string bytes) {
    held.push_back(std::move(bytes));
    Add(type, held.back().data(), held.back().size());
  }
  void Add(Oid type, const char* bytes, size_t size) {
    types.push_back(type);
    values.push_back(bytes);
    lengths.push_back(static_cast<int>(size));
    formats.push_back(1);
  }
};

int MillisLeft(Moment deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

bool Failed(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  return status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE ||
         status == PGRES_PIPELINE_ABORTED;
}

}  // namespace

std::string SqlState(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state == nullptr ? "" : state;
}

absl::Status StatusOf(const std::string& sql_state, const std::string& message) {
  const std::string text = absl::StrFormat("PostgreSQL: %s (%s)", message, sql_state);
  const std::string_view state = sql_state;
  if (state.starts_with("08") || state.starts_with("57P0") || state.starts_with("40") ||
      state == "55P03" || state == "57014") {
    return absl::UnavailableError(text);
  }
  if (state.starts_with("53") || state == "25006" || state == "58030") {
    return absl::ResourceExhaustedError(text);
  }
  if (state.starts_with("22") || state.starts_with("23") || state.starts_with("54") ||
      state == "21000") {
    return absl::InvalidArgumentError(text);
  }
  if (state == "XX001" || state == "XX002") return absl::DataLossError(text);
  if (state.empty()) return absl::UnavailableError(text);
  return absl::InternalError(text);
}

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const SessionOptions& options) {
  std::unique_ptr<Session> session(new Session(options));
  ORCH_RETURN_IF_ERROR(session->Connect());
  ORCH_RETURN_IF_ERROR(session->CheckServer());
  return session;
}

Moment Session::Deadline() const {
  return std::chrono::steady_clock::now() +
         absl::ToChronoMilliseconds(options_.statement_timeout + kSlack);
}

absl::Status Session::Lost() {
  broken_ = true;
  std::string why = PQerrorMessage(get());
  while (!why.empty() && why.back() == '\n') why.pop_back();
  return absl::UnavailableError("no line to PostgreSQL: " + why);
}

absl::Status Session::Connect() {
  const char* keys[] = {"dbname",          "application_name", "client_encoding",
                        "keepalives_idle", "tcp_user_timeout", nullptr};
  const char* values[] = {options_.conninfo.c_str(), "orch", "UTF8", "30", "30000", nullptr};
  const Moment deadline =
      std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(options_.connect_timeout);
  connection_.reset(PQconnectStartParams(keys, values, /*expand_dbname=*/1));
  if (connection_ == nullptr) return absl::ResourceExhaustedError("no memory for a connection");
  if (PQstatus(get()) == CONNECTION_BAD) return Lost();
  PostgresPollingStatusType step = PGRES_POLLING_WRITING;
  while (step != PGRES_POLLING_OK) {
    if (step == PGRES_POLLING_FAILED) return Lost();
    if (!Wait(step == PGRES_POLLING_WRITING, deadline)) return Lost();
    step = PQconnectPoll(get());
  }
  PQsetnonblocking(get(), 1);
  PQsetNoticeProcessor(get(), [](void*, const char*) {}, nullptr);
  return absl::OkStatus();
}

absl::Status Session::CheckServer() {
  if (server_version() < kServerVersionMin) {
    return absl::FailedPreconditionError("PostgreSQL is older than 14; update it");
  }
  ORCH_RETURN_IF_ERROR(Run(absl::StrFormat(
      "SET synchronous_commit = on; SET default_transaction_isolation = 'read committed';"
      "SET statement_timeout = %d; SET idle_in_transaction_session_timeout = 60000;"
      "SET client_min_messages = warning; SET standard_conforming_strings = on",
      absl::ToInt64Milliseconds(options_.statement_timeout))));
  std::string fault;
  ORCH_RETURN_IF_ERROR(Query(
      "SELECT current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery(),"
      " pg_backend_pid()",
      {}, [&](const sql::SqlRow& row) {
        if (row.Bytes(0) != "on")
          fault = "fsync is off: it may lose what it answered; set it to on";
        if (row.Bytes(1) != "on") fault = "full_page_writes is off; set it to on";
        if (row.Bool(2)) fault = "it is a standby; connect to the primary";
        // A pooler answers with a process of its own making.
        if (row.Int(3) != PQbackendPID(get())) {
          fault = "a pooler stands in between; connect to the server itself";
        }
        return absl::OkStatus();
      }));
  if (fault.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError("PostgreSQL is not fit to keep a store: " + fault);
}

bool Session::Wait(bool writing, Moment deadline) {
  for (;;) {
    const int left = MillisLeft(deadline);
    if (left <= 0) {
      broken_ = true;
      return false;
    }
    pollfd fd = {.fd = PQsocket(get()),
                 .events = static_cast<short>(writing ? POLLOUT : POLLIN),
                 .revents = 0};
    const int ready = ::poll(&fd, 1, left);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) {
      broken_ = true;
      return false;
    }
  }
}

bool Session::Stale() {
  if (broken()) return true;
  pollfd fd = {.fd = PQsocket(get()), .events = POLLIN, .revents = 0};
  if (::poll(&fd, 1, 0) <= 0) return false;
  // Only a notice, or the end, comes unasked.
  if (PQconsumeInput(get()) == 0) broken_ = true;
  return broken();
}

Result Session::Next(Moment deadline) {
  for (;;) {
    const int unsent = PQflush(get());
    if (unsent < 0) {
      broken_ = true;
      return nullptr;
    }
    if (!PQisBusy(get())) return Result(PQgetResult(get()));
    pollfd fd = {.fd = PQsocket(get()),
                 .events = static_cast<short>(POLLIN | (unsent > 0 ? POLLOUT : 0)),
                 .revents = 0};
    const int left = MillisLeft(deadline);
    const int ready = left <= 0 ? 0 : ::poll(&fd, 1, left);
    if (ready == 0 || (ready < 0 && errno != EINTR)) {
      broken_ = true;
      return nullptr;
    }
    if (ready > 0 && (fd.revents & (POLLIN | POLLERR | POLLHUP)) != 0 &&
        PQconsumeInput(get()) == 0) {
      broken_ = true;
      return nullptr;
    }
  }
}

absl::StatusOr<Result> Session::Collect() {
  const Moment deadline = Deadline();
  Result last;
  Result failed;
  while (Result result = Next(deadline)) {
    if (Failed(result.get())) {
      if (failed == nullptr) failed = std::move(result);
    } else {
      last = std::move(result);
    }
  }
  if (failed != nullptr) {
    const std::string state = SqlState(failed.get());
    if (PQstatus(get()) != CONNECTION_OK) broken_ = true;
    const char* message = PQresultErrorField(failed.get(), PG_DIAG_MESSAGE_PRIMARY);
    return StatusOf(state, message != nullptr ? message : PQresultErrorMessage(failed.get()));
  }
  if (broken() || last == nullptr) return Lost();
  return last;
}

absl::Status Session::Run(const std::string& script) {
  if (broken()) return Lost();
  if (PQsendQuery(get(), script.c_str()) == 0) return Lost();
  return Collect().status();
}

absl::StatusOr<Result> Session::Ask(const std::string& sql,
                                    const std::vector<sql::SqlValue>& params) {
  if (broken()) return Lost();
  const BinaryParams binary(params);
  if (PQsendQueryParams(get(), sql.c_str(), static_cast<int>(params.size()), binary.types.data(),
                        binary.values.data(), binary.lengths.data(), binary.formats.data(),
                        /*resultFormat=*/1) == 0) {
    return Lost();
  }
  return Collect();
}

absl::Status Session::Query(const std::string& sql, const std::vector<sql::SqlValue>& params,
                            const std::function<absl::Status(const sql::SqlRow&)>& each) {
  ORCH_ASSIGN_OR_RETURN(const Result result, Ask(sql, params));
  const int count = PQntuples(result.get());
  for (int i = 0; i < count; ++i) {
    ORCH_RETURN_IF_ERROR(each(ResultRow(result.get(), i)));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Session::Execute(const std::string& sql,
                                         const std::vector<sql::SqlValue>& params) {
  ORCH_ASSIGN_OR_RETURN(const Result result, Ask(sql, params));
  return std::atoll(PQcmdTuples(result.get()));
}

absl::Status Session::BeginSnapshot() {
  return Run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

void Session::EndSnapshot() {
  if (!broken() && !Run("COMMIT").ok()) broken_ = true;
}

std::string Session::Contains(const std::string& text, const std::string& part) const {
  return "strpos(" + text + ", " + part + ") > 0";
}

}  // namespace orch::store::postgres
