#include "controlplane/store/postgres/lane.h"

#include <utility>

#include "base/status_macros.h"
#include "controlplane/store/postgres/big_endian.h"

namespace orch::store::postgres {
namespace {

constexpr char kClaimName[] = "claim";
constexpr char kClaim[] = "SELECT claim_shard($1, $2, $3, $4, $5)";
constexpr char kFenced[] = "OR001";

// A plan made while the tables were small must not scan them once they have grown.
constexpr char kSettings[] =
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
    "SET plan_cache_mode = force_generic_plan";

CommitResult Refused(Refusal refusal, std::string message) {
  return {.outcome = CommitResult::Outcome::kRefused,
          .refusal = refusal,
          .message = std::move(message)};
}

// What an error of the server, answered up to the Sync, makes of the batch.
CommitResult FromError(const std::string& state, const std::string& message) {
  using Outcome = CommitResult::Outcome;
  const std::string text = message + " (" + state + ")";
  const std::string_view s = state;
  if (s == kFenced) return {.outcome = Outcome::kFenced, .message = text};
  // The server is going away, or does not know itself.
  if (s.empty() || s.starts_with("08") || s.starts_with("57P0") || s == "40003") {
    return {.outcome = Outcome::kUnknown, .message = text};
  }
  if (s.starts_with("40") || s == "55P03" || s == "57014") {
    return Refused(Refusal::kConflict, text);
  }
  if (s.starts_with("53") || s == "25006" || s == "58030") return Refused(Refusal::kNoRoom, text);
  return Refused(Refusal::kBadRow, text);
}

}  // namespace

absl::Status Lane::Connect() {
  if (session_ != nullptr && !session_->Stale()) return absl::OkStatus();
  Close();
  ORCH_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Open(options_));
  ORCH_RETURN_IF_ERROR(session->Run(kSettings));
  if (PQenterPipelineMode(session->get()) == 0) {
    return absl::InternalError(PQerrorMessage(session->get()));
  }
  session_ = std::move(session);
  bool sent = PQsendPrepare(session_->get(), kClaimName, kClaim, 0, nullptr) != 0;
  std::vector<Oid> types;
  for (const Statement& statement : encoder_.statements()) {
    types.clear();
    for (const ArrayParam& param : statement.params) types.push_back(param.type());
    sent = sent && PQsendPrepare(session_->get(), statement.name, statement.sql,
                                 static_cast<int>(types.size()), types.data()) != 0;
  }
  if (!sent || PQpipelineSync(session_->get()) == 0) {
    Close();
    return absl::UnavailableError("the line broke while statements were prepared");
  }
  const Answer answer = Read();
  if (!answer.synced || !answer.sql_state.empty()) {
    Close();
    return StatusOf(answer.sql_state, answer.message);
  }
  return absl::OkStatus();
}

bool Lane::Send(const Statement& statement) {
  const int count = static_cast<int>(statement.params.size());
  std::vector<const char*> values;
  std::vector<int> lengths;
  const std::vector<int> formats(statement.params.size(), 1);
  for (const ArrayParam& param : statement.params) {
    values.push_back(param.bytes().data());
    lengths.push_back(static_cast<int>(param.bytes().size()));
  }
  return PQsendQueryPrepared(session_->get(), statement.name, count, values.data(), lengths.data(),
                             formats.data(), /*resultFormat=*/1) != 0;
}

bool Lane::SendClaim(const ShardClaim& claim, const Batch& batch) {
  const std::string shard = BigEndian(static_cast<uint32_t>(claim.shard));
  const std::string epoch = BigEndian(static_cast<uint64_t>(claim.epoch));
  const std::string sequence = BigEndian(static_cast<uint64_t>(claim.sequence));
  const std::string ttl =
      BigEndian(static_cast<uint64_t>(absl::ToInt64Microseconds(batch.lease_ttl)));
  const char* values[] = {shard.data(), epoch.data(), sequence.data(), batch.id.data(), ttl.data()};
  const int lengths[] = {4, 8, 8, static_cast<int>(batch.id.size()), 8};
  const int formats[] = {1, 1, 1, 1, 1};
  return PQsendQueryPrepared(session_->get(), kClaimName, 5, values, lengths, formats,
                             /*resultFormat=*/1) != 0;
}

Lane::Answer Lane::Read() {
  Answer answer;
  const Moment deadline = session_->Deadline();
  bool after_null = false;
  for (;;) {
    const Result result = session_->Next(deadline);
    if (result == nullptr) {
      // One null ends a statement's results; two mean that libpq has lost count.
      if (!session_->broken() && !std::exchange(after_null, true)) continue;
      if (answer.message.empty()) answer.message = PQerrorMessage(session_->get());
      return answer;
    }
    after_null = false;
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC: answer.synced = true; return answer;
      case PGRES_TUPLES_OK:
        if (answer.now_micros == 0 && PQntuples(result.get()) == 1 &&
            PQgetlength(result.get(), 0, 0) == 8) {
          answer.now_micros =
              static_cast<int64_t>(ReadBigEndian<uint64_t>(PQgetvalue(result.get(), 0, 0)));
        }
        break;
      case PGRES_FATAL_ERROR:
      case PGRES_BAD_RESPONSE:
        if (answer.sql_state.empty()) {
          const char* message = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
          answer.sql_state = SqlState(result.get());
          answer.message = message != nullptr ? message : PQresultErrorMessage(result.get());
        }
        break;
      default:  // Done, or aborted with an earlier one.
        break;
    }
  }
}

CommitResult Lane::Commit(const Batch& batch) {
  if (absl::Status status = Connect(); !status.ok()) {
    return Refused(absl::IsResourceExhausted(status) ? Refusal::kNoRoom : Refusal::kNoLine,
                   std::string(status.message()));
  }
  encoder_.Encode(batch.rows);
  bool sent = true;
  for (const ShardClaim& claim : batch.claims) sent = sent && SendClaim(claim, batch);
  for (const Statement& statement : encoder_.statements()) {
    if (statement.used) sent = sent && Send(statement);
  }
  if (!sent) {
    const std::string why = PQerrorMessage(session_->get());
    Close();  // Without a Sync the server keeps nothing.
    return Refused(Refusal::kNoLine, why);
  }
  if (PQpipelineSync(session_->get()) == 0) {
    const std::string why = PQerrorMessage(session_->get());
    Close();
    return {.outcome = CommitResult::Outcome::kUnknown, .message = why};
  }
  const Answer answer = Read();
  if (!answer.synced) {
    Close();
    return {.outcome = CommitResult::Outcome::kUnknown,
            .message = "the answer was lost: " + answer.message};
  }
  if (!answer.sql_state.empty() || !answer.message.empty()) {
    return FromError(answer.sql_state, answer.message);
  }
  return {.outcome = CommitResult::Outcome::kCommitted,
          .now = absl::FromUnixMicros(answer.now_micros)};
}

absl::Status Lane::Try(const Rows& rows) {
  ORCH_RETURN_IF_ERROR(Connect());
  encoder_.Encode(rows);
  // BEGIN inside a pipeline keeps the transaction open beyond the Sync; ROLLBACK ends it.
  bool sent = PQsendQueryParams(session_->get(), "BEGIN", 0, nullptr, nullptr, nullptr, nullptr, 1);
  for (const Statement& statement : encoder_.statements()) {
    if (statement.used) sent = sent && Send(statement);
  }
  // Constraints that wait for COMMIT are asked now.
  sent = sent && PQsendQueryParams(session_->get(), "SET CONSTRAINTS ALL IMMEDIATE", 0, nullptr,
                                   nullptr, nullptr, nullptr, 1) != 0;
  sent = sent && PQpipelineSync(session_->get()) != 0;
  const Answer answer = sent ? Read() : Answer{};
  sent = answer.synced && PQsendQueryParams(session_->get(), "ROLLBACK", 0, nullptr, nullptr,
                                            nullptr, nullptr, 1) != 0;
  sent = sent && PQpipelineSync(session_->get()) != 0;
  if (!sent || !Read().synced) {
    Close();
    return absl::UnavailableError("no line to PostgreSQL");
  }
  if (answer.sql_state.empty()) return absl::OkStatus();
  const CommitResult judged = FromError(answer.sql_state, answer.message);
  if (judged.refusal == Refusal::kBadRow) return absl::InvalidArgumentError(judged.message);
  return StatusOf(answer.sql_state, answer.message);
}

}  // namespace orch::store::postgres
