// What a shard's owner loads.
#include <map>

#include "base/status_macros.h"
#include "controlplane/store/columns.h"
#include "controlplane/store/errors.h"
#include "controlplane/store/sql/decode.h"
#include "controlplane/store/sql/sql_store.h"

namespace orch::store::sql {

absl::StatusOr<std::vector<v1::ExecutionHead>> SqlStore::LiveHeads(uint32_t bucket_first,
                                                                   uint32_t bucket_last,
                                                                   const std::string& after_id,
                                                                   int limit) {
  std::vector<v1::ExecutionHead> heads;
  const int64_t after_day = DayOfExecution(after_id);
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    heads.clear();
    return session.Query(
        "SELECT " + std::string(kHeadColumns) +
            " FROM head h WHERE h.live AND h.day >= $1 AND (h.day, h.id) > ($1, $2)"
            " AND h.bucket BETWEEN $3 AND $4 ORDER BY h.day, h.id LIMIT $5",
        {after_day, after_id, int64_t{bucket_first}, int64_t{bucket_last}, int64_t{limit}},
        [&](const SqlRow& row) {
          heads.push_back(HeadOf(row));
          return absl::OkStatus();
        });
  }));
  return heads;
}

absl::StatusOr<ExecutionRows> SqlStore::LoadExecution(const std::string& execution_id) {
  ExecutionRows rows;
  const int64_t day = DayOfExecution(execution_id);
  const std::string what = "execution '" + execution_id + "'";
  const auto load = [&](SqlSession& session) -> absl::Status {
    bool found = false;
    ORCH_RETURN_IF_ERROR(session.Query("SELECT body FROM head WHERE day = $1 AND id = $2",
                                       {day, execution_id}, [&](const SqlRow& row) {
                                         found = true;
                                         return Decode(row.Bytes(0), what, &rows.head);
                                       }));
    if (!found) return NoSuchExecution(execution_id);
    ORCH_RETURN_IF_ERROR(session.Query(
        "SELECT body FROM payload WHERE day = $1 AND execution_id = $2", {day, execution_id},
        [&](const SqlRow& row) { return Decode(row.Bytes(0), what, &rows.payload); }));
    ORCH_RETURN_IF_ERROR(session.Query(
        "SELECT body FROM task_run WHERE day = $1 AND execution_id = $2 ORDER BY number",
        {day, execution_id},
        [&](const SqlRow& row) { return Decode(row.Bytes(0), what, &rows.runs.emplace_back()); }));
    ORCH_RETURN_IF_ERROR(session.Query(
        "SELECT body FROM run_payload WHERE day = $1 AND execution_id = $2 ORDER BY number, kind",
        {day, execution_id}, [&](const SqlRow& row) {
          return Decode(row.Bytes(0), what, &rows.run_payloads.emplace_back());
        }));
    return session.Query(
        "SELECT body FROM timer WHERE execution_id = $1 ORDER BY run, kind", {execution_id},
        [&](const SqlRow& row) { return Decode(row.Bytes(0), what, &rows.timers.emplace_back()); });
  };
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    rows = {};
    rows.payload.set_execution_id(execution_id);
    ORCH_RETURN_IF_ERROR(session.BeginSnapshot());
    const absl::Status status = load(session);
    session.EndSnapshot();
    return status;
  }));
  return rows;
}

absl::StatusOr<std::vector<v1::Timer>> SqlStore::Timers(uint32_t bucket_first, uint32_t bucket_last,
                                                        absl::Time due_before, int limit) {
  return ReadBodies<v1::Timer>(
      [this](const Work& work) { return Read(Place::kMain, work); }, "a timer",
      "SELECT body FROM timer WHERE due_micros < $1 AND bucket BETWEEN $2 AND $3"
      " ORDER BY due_micros, execution_id, run, kind LIMIT $4",
      {absl::ToUnixMicros(due_before), int64_t{bucket_first}, int64_t{bucket_last},
       int64_t{limit}});
}

absl::StatusOr<std::vector<v1::Mail>> SqlStore::Mails(uint32_t bucket_first, uint32_t bucket_last,
                                                      int limit) {
  std::vector<v1::Mail> mails;
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    mails.clear();
    return session.Query(
        "SELECT receiver, sender, sequence, bucket, body FROM mail WHERE bucket BETWEEN $1 AND $2"
        " ORDER BY receiver, sender, sequence LIMIT $3",
        {int64_t{bucket_first}, int64_t{bucket_last}, int64_t{limit}}, [&](const SqlRow& row) {
          v1::Mail& mail = mails.emplace_back();
          if (Decode(row.Bytes(4), "mail", &mail).ok()) return absl::OkStatus();
          mail.Clear();  // Without an event: who gets it sees that it is broken.
          mail.set_receiver(row.Text(0));
          mail.set_sender(row.Text(1));
          mail.set_sequence(row.Int(2));
          mail.set_receiver_bucket(static_cast<uint32_t>(row.Int(3)));
          return absl::OkStatus();
        });
  }));
  return mails;
}

absl::StatusOr<std::optional<FlowStateRows>> SqlStore::LoadFlowState(const std::string& tenant,
                                                                     const std::string& ns,
                                                                     const std::string& flow_id) {
  std::optional<FlowStateRows> rows;
  const std::string what = FlowAddress(tenant, ns, flow_id);
  const auto load = [&](SqlSession& session) -> absl::Status {
    ORCH_RETURN_IF_ERROR(session.Query(
        "SELECT body FROM flow_state WHERE tenant = $1 AND namespace = $2 AND flow_id = $3",
        {tenant, ns, flow_id},
        [&](const SqlRow& row) { return Decode(row.Bytes(0), what, &rows.emplace().state); }));
    if (!rows.has_value()) return absl::OkStatus();
    return session.Query(
        "SELECT body FROM flow_slot WHERE tenant = $1 AND namespace = $2 AND flow_id = $3"
        " ORDER BY since_micros, execution_id",
        {tenant, ns, flow_id},
        [&](const SqlRow& row) { return Decode(row.Bytes(0), what, &rows->slots.emplace_back()); });
  };
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    rows.reset();
    ORCH_RETURN_IF_ERROR(session.BeginSnapshot());
    const absl::Status status = load(session);
    session.EndSnapshot();
    return status;
  }));
  return rows;
}

absl::StatusOr<std::optional<IdempotencyKey>> SqlStore::FindIdempotencyKey(
    const std::string& tenant, const std::string& key) {
  std::optional<IdempotencyKey> found;
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    found.reset();
    return session.Query(
        "SELECT execution_id, digest, created_micros FROM idempotency_key"
        " WHERE tenant = $1 AND name = $2",
        {tenant, key}, [&](const SqlRow& row) {
          found = IdempotencyKey{.tenant = tenant,
                                 .key = key,
                                 .execution_id = row.Text(0),
                                 .digest = row.Text(1),
                                 .created_at = absl::FromUnixMicros(row.Int(2))};
          return absl::OkStatus();
        });
  }));
  return found;
}

absl::StatusOr<std::vector<std::string>> SqlStore::Orphans(int limit) {
  // PAUSED (3) and BREAKPOINT (15) wait for people. Scalar subqueries are asked for each live head,
  // by key; as anti joins they might be planned to read the whole history.
  static constexpr char kSql[] =
      "SELECT h.id FROM head h WHERE h.live AND NOT h.continue_due AND h.state NOT IN (3, 15)"
      " AND (SELECT 1 FROM task_run r WHERE r.day = h.day AND r.execution_id = h.id AND r.awaits"
      "  LIMIT 1) IS NULL"
      " AND (SELECT 1 FROM timer t WHERE t.execution_id = h.id LIMIT 1) IS NULL"
      " AND (SELECT 1 FROM flow_slot s WHERE s.tenant = h.tenant AND s.namespace = h.namespace"
      "  AND s.flow_id = h.flow_id AND s.execution_id = h.id AND s.queued LIMIT 1) IS NULL"
      " AND (SELECT 1 FROM mail m WHERE m.receiver = 'execution/' || h.id LIMIT 1) IS NULL"
      " AND (SELECT 1 FROM mail m WHERE m.sender = 'execution/' || h.id LIMIT 1) IS NULL"
      " ORDER BY h.day, h.id LIMIT $1";
  std::vector<std::string> ids;
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    ids.clear();
    return session.Query(kSql, {int64_t{limit}}, [&](const SqlRow& row) {
      ids.push_back(row.Text(0));
      return absl::OkStatus();
    });
  }));
  return ids;
}

}  // namespace orch::store::sql
