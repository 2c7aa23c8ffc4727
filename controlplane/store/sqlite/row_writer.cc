#include "controlplane/store/sqlite/row_writer.h"

#include "base/status_macros.h"
#include "controlplane/store/columns.h"

namespace orch::store::sqlite {
namespace {

constexpr char kClaim[] =
    "UPDATE shard SET seq = ?3, batch = ?4, expires_micros = ?5"
    " WHERE id = ?1 AND epoch = ?2 AND seq = ?3 - 1";
constexpr char kHead[] =
    "INSERT INTO head (day, id, bucket, tenant, namespace, flow_id, parent_id, created_micros,"
    " state, live, continue_due, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
    " ON CONFLICT (day, id) DO UPDATE SET state = excluded.state, live = excluded.live,"
    " continue_due = excluded.continue_due, body = excluded.body";
constexpr char kPayload[] =
    "INSERT INTO payload (day, execution_id, labels, body) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT (day, execution_id) DO UPDATE SET labels = excluded.labels, body = excluded.body";
constexpr char kRun[] =
    "INSERT INTO task_run (day, execution_id, number, state, live, awaits, body)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (day, execution_id, number) DO UPDATE SET"
    " state = excluded.state, live = excluded.live, awaits = excluded.awaits, body = excluded.body";
constexpr char kRunPayload[] =
    "INSERT INTO run_payload (day, execution_id, number, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (day, execution_id, number, kind) DO UPDATE SET body = excluded.body";
constexpr char kTimer[] =
    "INSERT INTO timer (execution_id, run, kind, bucket, due_micros, body)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (execution_id, run, kind) DO UPDATE SET"
    " bucket = excluded.bucket, due_micros = excluded.due_micros, body = excluded.body";
constexpr char kTimerGone[] =
    "DELETE FROM timer WHERE execution_id = ?1 AND run = ?2 AND kind = ?3";
constexpr char kMail[] =
    "INSERT INTO mail (receiver, sender, sequence, bucket, body) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT DO NOTHING";
constexpr char kMailGone[] =
    "DELETE FROM mail WHERE receiver = ?1 AND sender = ?2 AND sequence = ?3";
constexpr char kEngineLog[] =
    "INSERT INTO engine_log (day, execution_id, run, attempt, sequence, body)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
constexpr char kRecord[] =
    "INSERT INTO record (day, aggregate, first_number, body) VALUES (?1, ?2, ?3, ?4)";
constexpr char kFlowState[] =
    "INSERT INTO flow_state (tenant, namespace, flow_id, bucket, body) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (tenant, namespace, flow_id) DO UPDATE SET bucket = excluded.bucket,"
    " body = excluded.body";
constexpr char kSlot[] =
    "INSERT INTO flow_slot (tenant, namespace, flow_id, execution_id, queued, since_micros, body)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    " ON CONFLICT (tenant, namespace, flow_id, execution_id) DO UPDATE SET"
    " queued = excluded.queued, since_micros = excluded.since_micros, body = excluded.body";
constexpr char kSlotGone[] =
    "DELETE FROM flow_slot WHERE tenant = ?1 AND namespace = ?2 AND flow_id = ?3"
    " AND execution_id = ?4";
constexpr char kIdempotencyKey[] =
    "INSERT INTO idempotency_key (tenant, name, execution_id, digest, created_micros)"
    " VALUES (?1, ?2, ?3, ?4, ?5)";
constexpr char kAudit[] =
    "INSERT INTO audit (tenant, micros, id, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";

}  // namespace

absl::StatusOr<std::unique_ptr<RowWriter>> RowWriter::Make(Connection* connection) {
  std::unique_ptr<RowWriter> writer(new RowWriter(connection));
  const std::pair<Statement*, const char*> statements[] = {
      {&writer->claim_, kClaim},
      {&writer->head_, kHead},
      {&writer->payload_, kPayload},
      {&writer->run_, kRun},
      {&writer->run_payload_, kRunPayload},
      {&writer->timer_, kTimer},
      {&writer->timer_gone_, kTimerGone},
      {&writer->mail_, kMail},
      {&writer->mail_gone_, kMailGone},
      {&writer->engine_log_, kEngineLog},
      {&writer->record_, kRecord},
      {&writer->flow_state_, kFlowState},
      {&writer->slot_, kSlot},
      {&writer->slot_gone_, kSlotGone},
      {&writer->idempotency_key_, kIdempotencyKey},
      {&writer->audit_, kAudit},
  };
  for (const auto& [statement, sql] : statements) {
    ORCH_ASSIGN_OR_RETURN(*statement, connection->Prepare(sql));
  }
  return writer;
}

absl::Status RowWriter::Run(Statement& statement) {
  const int code = statement.Run();
  return code == SQLITE_OK ? absl::OkStatus() : connection_->Error(code);
}

absl::StatusOr<bool> RowWriter::Claim(int shard, int64_t epoch, int64_t sequence,
                                      const std::string& batch, int64_t expires_micros) {
  claim_.Bind(1, int64_t{shard});
  claim_.Bind(2, epoch);
  claim_.Bind(3, sequence);
  claim_.Bind(4, batch);
  claim_.Bind(5, expires_micros);
  ORCH_RETURN_IF_ERROR(Run(claim_));
  return sqlite3_changes(connection_->get()) == 1;
}

absl::Status RowWriter::Put(const Rows& rows) {
  ORCH_RETURN_IF_ERROR(PutExecutions(rows));
  ORCH_RETURN_IF_ERROR(PutRuns(rows));
  ORCH_RETURN_IF_ERROR(PutMessages(rows));
  return PutFlows(rows);
}

absl::Status RowWriter::PutExecutions(const Rows& rows) {
  for (const v1::ExecutionHead& head : rows.heads) {
    head_.Bind(1, int64_t{DayOfExecution(head.id())});
    head_.Bind(2, head.id());
    head_.Bind(3, int64_t{head.bucket()});
    head_.Bind(4, head.tenant());
    head_.Bind(5, head.namespace_());
    head_.Bind(6, head.flow_id());
    head_.Bind(7, head.parent_id());
    head_.Bind(8, head.created_micros());
    head_.Bind(9, int64_t{head.state()});
    head_.Bind(10, int64_t{head.live()});
    head_.Bind(11, int64_t{head.continue_due()});
    head_.BindBlob(12, Body(head));
    ORCH_RETURN_IF_ERROR(Run(head_));
  }
  for (const v1::ExecutionPayload& payload : rows.payloads) {
    const std::string labels = LabelsText(payload.labels());
    payload_.Bind(1, int64_t{DayOfExecution(payload.execution_id())});
    payload_.Bind(2, payload.execution_id());
    payload_.Bind(3, labels);
    payload_.BindBlob(4, Body(payload));
    ORCH_RETURN_IF_ERROR(Run(payload_));
  }
  for (const v1::RecordRow& record : rows.records) {
    record_.Bind(1, int64_t{DayOfAggregate(record.aggregate())});
    record_.Bind(2, record.aggregate());
    record_.Bind(3, record.first_number());
    record_.BindBlob(4, Body(record));
    ORCH_RETURN_IF_ERROR(Run(record_));
  }
  for (const IdempotencyKey& key : rows.idempotency_keys) {
    idempotency_key_.Bind(1, key.tenant);
    idempotency_key_.Bind(2, key.key);
    idempotency_key_.Bind(3, key.execution_id);
    idempotency_key_.Bind(4, key.digest);
    idempotency_key_.Bind(5, absl::ToUnixMicros(key.created_at));
    ORCH_RETURN_IF_ERROR(Run(idempotency_key_));
  }
  return absl::OkStatus();
}

absl::Status RowWriter::PutRuns(const Rows& rows) {
  for (const v1::TaskRun& run : rows.runs) {
    run_.Bind(1, int64_t{DayOfExecution(run.execution_id())});
    run_.Bind(2, run.execution_id());
    run_.Bind(3, run.number());
    run_.Bind(4, int64_t{run.state()});
    run_.Bind(5, int64_t{run.live()});
    run_.Bind(6, int64_t{Awaits(run)});
    run_.BindBlob(7, Body(run));
    ORCH_RETURN_IF_ERROR(Run(run_));
  }
  for (const v1::TaskRunPayload& payload : rows.run_payloads) {
    run_payload_.Bind(1, int64_t{DayOfExecution(payload.execution_id())});
    run_payload_.Bind(2, payload.execution_id());
    run_payload_.Bind(3, payload.number());
    run_payload_.Bind(4, int64_t{payload.kind()});
    run_payload_.BindBlob(5, Body(payload));
    ORCH_RETURN_IF_ERROR(Run(run_payload_));
  }
  for (const v1::EngineLog& log : rows.engine_logs) {
    engine_log_.Bind(1, int64_t{DayOfExecution(log.execution_id())});
    engine_log_.Bind(2, log.execution_id());
    engine_log_.Bind(3, log.run());
    engine_log_.Bind(4, int64_t{log.attempt()});
    engine_log_.Bind(5, log.sequence());
    engine_log_.BindBlob(6, Body(log));
    ORCH_RETURN_IF_ERROR(Run(engine_log_));
  }
  return absl::OkStatus();
}

absl::Status RowWriter::PutMessages(const Rows& rows) {
  for (const v1::TimerKey& key : rows.timers_gone) {
    timer_gone_.Bind(1, key.execution_id());
    timer_gone_.Bind(2, key.run());
    timer_gone_.Bind(3, int64_t{key.kind()});
    ORCH_RETURN_IF_ERROR(Run(timer_gone_));
  }
  for (const v1::Timer& timer : rows.timers) {
    timer_.Bind(1, timer.execution_id());
    timer_.Bind(2, timer.run());
    timer_.Bind(3, int64_t{timer.kind()});
    timer_.Bind(4, int64_t{timer.bucket()});
    timer_.Bind(5, timer.due_micros());
    timer_.BindBlob(6, Body(timer));
    ORCH_RETURN_IF_ERROR(Run(timer_));
  }
  for (const MailKey& key : rows.mails_gone) {
    mail_gone_.Bind(1, key.receiver);
    mail_gone_.Bind(2, key.sender);
    mail_gone_.Bind(3, key.sequence);
    ORCH_RETURN_IF_ERROR(Run(mail_gone_));
  }
  for (const v1::Mail& mail : rows.mails) {
    mail_.Bind(1, mail.receiver());
    mail_.Bind(2, mail.sender());
    mail_.Bind(3, mail.sequence());
    mail_.Bind(4, int64_t{mail.receiver_bucket()});
    mail_.BindBlob(5, Body(mail));
    ORCH_RETURN_IF_ERROR(Run(mail_));
  }
  for (const v1::AuditRecord& audit : rows.audits) {
    audit_.Bind(1, audit.tenant());
    audit_.Bind(2, audit.micros());
    audit_.Bind(3, audit.id());
    audit_.BindBlob(4, Body(audit));
    ORCH_RETURN_IF_ERROR(Run(audit_));
  }
  return absl::OkStatus();
}

absl::Status RowWriter::PutFlows(const Rows& rows) {
  for (const v1::FlowState& state : rows.flow_states) {
    flow_state_.Bind(1, state.tenant());
    flow_state_.Bind(2, state.namespace_());
    flow_state_.Bind(3, state.flow_id());
    flow_state_.Bind(4, int64_t{state.bucket()});
    flow_state_.BindBlob(5, Body(state));
    ORCH_RETURN_IF_ERROR(Run(flow_state_));
  }
  for (const v1::FlowSlot& slot : rows.slots_gone) {
    slot_gone_.Bind(1, slot.tenant());
    slot_gone_.Bind(2, slot.namespace_());
    slot_gone_.Bind(3, slot.flow_id());
    slot_gone_.Bind(4, slot.execution_id());
    ORCH_RETURN_IF_ERROR(Run(slot_gone_));
  }
  for (const v1::FlowSlot& slot : rows.slots) {
    slot_.Bind(1, slot.tenant());
    slot_.Bind(2, slot.namespace_());
    slot_.Bind(3, slot.flow_id());
    slot_.Bind(4, slot.execution_id());
    slot_.Bind(5, int64_t{slot.queued()});
    slot_.Bind(6, slot.since_micros());
    slot_.BindBlob(7, Body(slot));
    ORCH_RETURN_IF_ERROR(Run(slot_));
  }
  return absl::OkStatus();
}

}  // namespace orch::store::sqlite
