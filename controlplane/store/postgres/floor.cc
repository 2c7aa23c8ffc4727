#include "controlplane/store/postgres/floor.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "controlplane/store/postgres/row_encoder.h"
#include "controlplane/store/postgres/session.h"

namespace orch::store::postgres {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int kDay = 1;  // A partition of its own, long past.
constexpr char kName[] = "floor";
constexpr char kUpsert[] =
    "INSERT INTO task_run (day, execution_id, number, state, live, awaits, body)"
    " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)"
    " ON CONFLICT (day, execution_id, number) DO UPDATE SET state = excluded.state,"
    " live = excluded.live, awaits = excluded.awaits, body = excluded.body";

// As long as the bodies of a run that is leased, and of one that has ended with small outputs.
constexpr size_t kLeasedSize = 180;
constexpr size_t kEndedSize = 330;

// A message that is bytes already.
struct Bytes {
  const std::string& bytes;
  size_t ByteSizeLong() const { return bytes.size(); }
  void SerializeWithCachedSizesToArray(uint8_t* to) const {
    std::copy(bytes.begin(), bytes.end(), to);
  }
};

class Floor {
 public:
  absl::Status Open(const std::string& conninfo) {
    ORCH_ASSIGN_OR_RETURN(session_, Session::Open({.conninfo = conninfo}));
    ORCH_RETURN_IF_ERROR(
        session_->Run("SELECT ensure_day(" + std::to_string(kDay) +
                      "); DELETE FROM task_run WHERE day = " + std::to_string(kDay)));
    std::vector<Oid> types;
    for (const ArrayParam& param : params_) types.push_back(param.type());
    PQenterPipelineMode(session_->get());
    PQsendPrepare(session_->get(), kName, kUpsert, static_cast<int>(types.size()), types.data());
    return Sync();
  }

  absl::Status Put(int first, int count, bool ended) {
    const std::string body(ended ? kEndedSize : kLeasedSize, 'x');
    for (ArrayParam& param : params_) param.Clear();
    for (int i = first; i < first + count; ++i) {
      params_[0].AddInt4(kDay);
      params_[1].AddText(absl::StrFormat("01k0000000%016d", i / 5));
      params_[2].AddInt8(i % 5);
      params_[3].AddInt4(ended ? 6 : 2);
      params_[4].AddBool(!ended);
      params_[5].AddBool(!ended);
      params_[6].AddMessage(Bytes{body});
    }
    std::vector<const char*> values;
    std::vector<int> lengths;
    for (ArrayParam& param : params_) {
      param.Finish();
      values.push_back(param.bytes().data());
      lengths.push_back(static_cast<int>(param.bytes().size()));
    }
    const std::vector<int> formats(params_.size(), 1);
    PQsendQueryPrepared(session_->get(), kName, static_cast<int>(params_.size()), values.data(),
                        lengths.data(), formats.data(), 1);
    return Sync();
  }

 private:
  absl::Status Sync() {
    PQpipelineSync(session_->get());
    const Moment deadline = session_->Deadline();
    absl::Status status;
    for (;;) {
      const Result result = session_->Next(deadline);
      if (result == nullptr) {
        if (session_->broken()) return absl::UnavailableError("no line to PostgreSQL");
        continue;
      }
      if (PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC) return status;
      if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) {
        status = StatusOf(SqlState(result.get()), PQresultErrorMessage(result.get()));
      }
    }
  }

  using Type = ArrayParam::Type;
  std::unique_ptr<Session> session_;
  std::vector<ArrayParam> params_ = {ArrayParam(Type::kInt4), ArrayParam(Type::kText),
                                     ArrayParam(Type::kInt8), ArrayParam(Type::kInt4),
                                     ArrayParam(Type::kBool), ArrayParam(Type::kBool),
                                     ArrayParam(Type::kBytea)};
};

}  // namespace

absl::StatusOr<double> UpsertRunsPerSecond(const std::string& conninfo, int rows,
                                           int rows_per_transaction) {
  Floor floor;
  ORCH_RETURN_IF_ERROR(floor.Open(conninfo));
  const Steady::time_point start = Steady::now();
  const int runs = std::max(1, rows / 2);
  for (int first = 0; first < runs; first += rows_per_transaction) {
    const int count = std::min(rows_per_transaction, runs - first);
    ORCH_RETURN_IF_ERROR(floor.Put(first, count, /*ended=*/false));
    ORCH_RETURN_IF_ERROR(floor.Put(first, count, /*ended=*/true));
  }
  return 2.0 * runs / std::chrono::duration<double>(Steady::now() - start).count();
}

absl::StatusOr<std::vector<int64_t>> SingleCommitMicros(const std::string& conninfo, int count) {
  Floor floor;
  ORCH_RETURN_IF_ERROR(floor.Open(conninfo));
  std::vector<int64_t> micros;
  for (int i = 0; i < count; ++i) {
    const Steady::time_point start = Steady::now();
    ORCH_RETURN_IF_ERROR(floor.Put(i, 1, /*ended=*/false));
    micros.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - start).count());
  }
  return micros;
}

}  // namespace orch::store::postgres
