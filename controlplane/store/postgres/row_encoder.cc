#include "controlplane/store/postgres/row_encoder.h"

#include "controlplane/store/columns.h"
#include "controlplane/store/postgres/big_endian.h"

namespace orch::store::postgres {
namespace {

constexpr Oid kElementTypes[] = {16, 23, 20, 25, 17};
constexpr Oid kArrayTypes[] = {1000, 1007, 1016, 1009, 1001};
constexpr size_t kHeaderSize = 20;
constexpr size_t kCountAt = 12;

ArrayParam Bools() { return ArrayParam(ArrayParam::Type::kBool); }
ArrayParam Int4s() { return ArrayParam(ArrayParam::Type::kInt4); }
ArrayParam Int8s() { return ArrayParam(ArrayParam::Type::kInt8); }
ArrayParam Texts() { return ArrayParam(ArrayParam::Type::kText); }
ArrayParam Bodies() { return ArrayParam(ArrayParam::Type::kBytea); }

}  // namespace

void ArrayParam::Clear() {
  count_ = 0;
  bytes_.clear();
  AppendBigEndian(uint32_t{1}, &bytes_);  // Dimensions.
  AppendBigEndian(uint32_t{0}, &bytes_);  // No nulls.
  AppendBigEndian(uint32_t{kElementTypes[static_cast<int>(type_)]}, &bytes_);
  AppendBigEndian(uint32_t{0}, &bytes_);  // How many; known at the end.
  AppendBigEndian(uint32_t{1}, &bytes_);  // The first one's index.
}

uint8_t* ArrayParam::Grow(size_t size) {
  AppendBigEndian(static_cast<uint32_t>(size), &bytes_);
  ++count_;
  const size_t at = bytes_.size();
  bytes_.resize(at + size);
  return reinterpret_cast<uint8_t*>(bytes_.data()) + at;
}

void ArrayParam::AddBool(bool value) { *Grow(1) = value ? 1 : 0; }

void ArrayParam::AddInt4(int32_t value) {
  AppendBigEndian(uint32_t{4}, &bytes_);
  AppendBigEndian(static_cast<uint32_t>(value), &bytes_);
  ++count_;
}

void ArrayParam::AddInt8(int64_t value) {
  AppendBigEndian(uint32_t{8}, &bytes_);
  AppendBigEndian(static_cast<uint64_t>(value), &bytes_);
  ++count_;
}

void ArrayParam::AddText(std::string_view value) {
  AppendBigEndian(static_cast<uint32_t>(value.size()), &bytes_);
  bytes_.append(value);
  ++count_;
}

void ArrayParam::Finish() {
  static_assert(kCountAt < kHeaderSize);
  const std::string count = BigEndian(count_);
  bytes_.replace(kCountAt, count.size(), count);
}

Oid ArrayParam::type() const { return kArrayTypes[static_cast<int>(type_)]; }

RowEncoder::RowEncoder() {
  statements_.resize(kKindCount);
  const auto define = [this](Kind kind, const char* name, const char* sql,
                             std::vector<ArrayParam> params) {
    statements_[kind] = {name, sql, std::move(params)};
  };
  define(
      kHead, "head",
      "INSERT INTO head (day, id, bucket, tenant, namespace, flow_id, parent_id, created_micros,"
      " state, live, continue_due, body) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9,"
      " $10, $11, $12) ON CONFLICT (day, id) DO UPDATE SET state = excluded.state,"
      " live = excluded.live, continue_due = excluded.continue_due, body = excluded.body",
      {Int4s(), Texts(), Int4s(), Texts(), Texts(), Texts(), Texts(), Int8s(), Int4s(), Bools(),
       Bools(), Bodies()});
  define(
      kPayload, "payload",
      "INSERT INTO payload (day, execution_id, labels, body) SELECT * FROM unnest($1, $2, $3, $4)"
      " ON CONFLICT (day, execution_id) DO UPDATE SET labels = excluded.labels,"
      " body = excluded.body",
      {Int4s(), Texts(), Texts(), Bodies()});
  define(kRun, "run",
         "INSERT INTO task_run (day, execution_id, number, state, live, awaits, body)"
         " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)"
         " ON CONFLICT (day, execution_id, number) DO UPDATE SET state = excluded.state,"
         " live = excluded.live, awaits = excluded.awaits, body = excluded.body",
         {Int4s(), Texts(), Int8s(), Int4s(), Bools(), Bools(), Bodies()});
  define(kRunPayload, "run_payload",
         "INSERT INTO run_payload (day, execution_id, number, kind, body)"
         " SELECT * FROM unnest($1, $2, $3, $4, $5)"
         " ON CONFLICT (day, execution_id, number, kind) DO UPDATE SET body = excluded.body",
         {Int4s(), Texts(), Int8s(), Int4s(), Bodies()});
  define(kRecord, "record",
         "INSERT INTO record (day, aggregate, first_number, body)"
         " SELECT * FROM unnest($1, $2, $3, $4)",
         {Int4s(), Texts(), Int8s(), Bodies()});
  define(kEngineLog, "engine_log",
         "INSERT INTO engine_log (day, execution_id, run, attempt, sequence, body)"
         " SELECT * FROM unnest($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
         {Int4s(), Texts(), Int8s(), Int4s(), Int8s(), Bodies()});
  define(kIdempotencyKey, "idempotency_key",
         "INSERT INTO idempotency_key (tenant, name, execution_id, digest, created_micros)"
         " SELECT * FROM unnest($1, $2, $3, $4, $5)",
         {Texts(), Texts(), Texts(), Texts(), Int8s()});
  define(kTimerGone, "timer_gone",
         "DELETE FROM timer t USING unnest($1, $2, $3) AS gone (execution_id, run, kind)"
         " WHERE t.execution_id = gone.execution_id AND t.run = gone.run AND t.kind = gone.kind",
         {Texts(), Int8s(), Int4s()});
  define(kTimer, "timer",
         "INSERT INTO timer (execution_id, run, kind, bucket, due_micros, body)"
         " SELECT * FROM unnest($1, $2, $3, $4, $5, $6)"
         " ON CONFLICT (execution_id, run, kind) DO UPDATE SET bucket = excluded.bucket,"
         " due_micros = excluded.due_micros, body = excluded.body",
         {Texts(), Int8s(), Int4s(), Int4s(), Int8s(), Bodies()});
  define(kMailGone, "mail_gone",
         "DELETE FROM mail m USING unnest($1, $2, $3) AS gone (receiver, sender, sequence)"
         " WHERE m.receiver = gone.receiver AND m.sender = gone.sender"
         " AND m.sequence = gone.sequence",
         {Texts(), Texts(), Int8s()});
  define(kMail, "mail",
         "INSERT INTO mail (receiver, sender, sequence, bucket, body)"
         " SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
         {Texts(), Texts(), Int8s(), Int4s(), Bodies()});
  define(kFlowState, "flow_state",
         "INSERT INTO flow_state (tenant, namespace, flow_id, bucket, body)"
         " SELECT * FROM unnest($1, $2, $3, $4, $5)"
         " ON CONFLICT (tenant, namespace, flow_id) DO UPDATE SET bucket = excluded.bucket,"
         " body = excluded.body",
         {Texts(), Texts(), Texts(), Int4s(), Bodies()});
  define(kSlotGone, "slot_gone",
         "DELETE FROM flow_slot s USING unnest($1, $2, $3, $4)"
         " AS gone (tenant, namespace, flow_id, execution_id) WHERE s.tenant = gone.tenant"
         " AND s.namespace = gone.namespace AND s.flow_id = gone.flow_id"
         " AND s.execution_id = gone.execution_id",
         {Texts(), Texts(), Texts(), Texts()});
  define(kSlot, "slot",
         "INSERT INTO flow_slot (tenant, namespace, flow_id, execution_id, queued, since_micros,"
         " body) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)"
         " ON CONFLICT (tenant, namespace, flow_id, execution_id) DO UPDATE SET"
         " queued = excluded.queued, since_micros = excluded.since_micros, body = excluded.body",
         {Texts(), Texts(), Texts(), Texts(), Bools(), Int8s(), Bodies()});
  define(kAudit, "audit",
         "INSERT INTO audit (tenant, micros, id, body) SELECT * FROM unnest($1, $2, $3, $4)"
         " ON CONFLICT DO NOTHING",
         {Texts(), Int8s(), Texts(), Bodies()});
}

std::vector<ArrayParam>& RowEncoder::Start(Kind kind) {
  Statement& statement = statements_[kind];
  statement.used = true;
  for (ArrayParam& param : statement.params) param.Clear();
  return statement.params;
}

void RowEncoder::Encode(const Rows& rows) {
  for (Statement& statement : statements_) statement.used = false;
  EncodeExecutions(rows);
  EncodeRuns(rows);
  EncodeMessages(rows);
  EncodeFlows(rows);
  for (Statement& statement : statements_) {
    if (!statement.used) continue;
    for (ArrayParam& param : statement.params) param.Finish();
  }
}

void RowEncoder::EncodeExecutions(const Rows& rows) {
  if (!rows.heads.empty()) {
    std::vector<ArrayParam>& p = Start(kHead);
    for (const v1::ExecutionHead& head : rows.heads) {
      p[0].AddInt4(DayOfExecution(head.id()));
      p[1].AddText(head.id());
      p[2].AddInt4(static_cast<int32_t>(head.bucket()));
      p[3].AddText(head.tenant());
      p[4].AddText(head.namespace_());
      p[5].AddText(head.flow_id());
      p[6].AddText(head.parent_id());
      p[7].AddInt8(head.created_micros());
      p[8].AddInt4(head.state());
      p[9].AddBool(head.live());
      p[10].AddBool(head.continue_due());
      p[11].AddMessage(head);
    }
  }
  if (!rows.payloads.empty()) {
    std::vector<ArrayParam>& p = Start(kPayload);
    for (const v1::ExecutionPayload& payload : rows.payloads) {
      p[0].AddInt4(DayOfExecution(payload.execution_id()));
      p[1].AddText(payload.execution_id());
      p[2].AddText(LabelsText(payload.labels()));
      p[3].AddMessage(payload);
    }
  }
  if (!rows.records.empty()) {
    std::vector<ArrayParam>& p = Start(kRecord);
    for (const v1::RecordRow& record : rows.records) {
      p[0].AddInt4(DayOfAggregate(record.aggregate()));
      p[1].AddText(record.aggregate());
      p[2].AddInt8(record.first_number());
      p[3].AddMessage(record);
    }
  }
  if (!rows.idempotency_keys.empty()) {
    std::vector<ArrayParam>& p = Start(kIdempotencyKey);
    for (const IdempotencyKey& key : rows.idempotency_keys) {
      p[0].AddText(key.tenant);
      p[1].AddText(key.key);
      p[2].AddText(key.execution_id);
      p[3].AddText(key.digest);
      p[4].AddInt8(absl::ToUnixMicros(key.created_at));
    }
  }
}

void RowEncoder::EncodeRuns(const Rows& rows) {
  if (!rows.runs.empty()) {
    std::vector<ArrayParam>& p = Start(kRun);
    for (const v1::TaskRun& run : rows.runs) {
      p[0].AddInt4(DayOfExecution(run.execution_id()));
      p[1].AddText(run.execution_id());
      p[2].AddInt8(run.number());
      p[3].AddInt4(run.state());
      p[4].AddBool(run.live());
      p[5].AddBool(Awaits(run));
      p[6].AddMessage(run);
    }
  }
  if (!rows.run_payloads.empty()) {
    std::vector<ArrayParam>& p = Start(kRunPayload);
    for (const v1::TaskRunPayload& payload : rows.run_payloads) {
      p[0].AddInt4(DayOfExecution(payload.execution_id()));
      p[1].AddText(payload.execution_id());
      p[2].AddInt8(payload.number());
      p[3].AddInt4(payload.kind());
      p[4].AddMessage(payload);
    }
  }
  if (!rows.engine_logs.empty()) {
    std::vector<ArrayParam>& p = Start(kEngineLog);
    for (const v1::EngineLog& log : rows.engine_logs) {
      p[0].AddInt4(DayOfExecution(log.execution_id()));
      p[1].AddText(log.execution_id());
      p[2].AddInt8(log.run());
      p[3].AddInt4(log.attempt());
      p[4].AddInt8(log.sequence());
      p[5].AddMessage(log);
    }
  }
}

void RowEncoder::EncodeMessages(const Rows& rows) {
  if (!rows.timers_gone.empty()) {
    std::vector<ArrayParam>& p = Start(kTimerGone);
    for (const v1::TimerKey& key : rows.timers_gone) {
      p[0].AddText(key.execution_id());
      p[1].AddInt8(key.run());
      p[2].AddInt4(key.kind());
    }
  }
  if (!rows.timers.empty()) {
    std::vector<ArrayParam>& p = Start(kTimer);
    for (const v1::Timer& timer : rows.timers) {
      p[0].AddText(timer.execution_id());
      p[1].AddInt8(timer.run());
      p[2].AddInt4(timer.kind());
      p[3].AddInt4(static_cast<int32_t>(timer.bucket()));
      p[4].AddInt8(timer.due_micros());
      p[5].AddMessage(timer);
    }
  }
  if (!rows.mails_gone.empty()) {
    std::vector<ArrayParam>& p = Start(kMailGone);
    for (const MailKey& key : rows.mails_gone) {
      p[0].AddText(key.receiver);
      p[1].AddText(key.sender);
      p[2].AddInt8(key.sequence);
    }
  }
  if (!rows.mails.empty()) {
    std::vector<ArrayParam>& p = Start(kMail);
    for (const v1::Mail& mail : rows.mails) {
      p[0].AddText(mail.receiver());
      p[1].AddText(mail.sender());
      p[2].AddInt8(mail.sequence());
      p[3].AddInt4(static_cast<int32_t>(mail.receiver_bucket()));
      p[4].AddMessage(mail);
    }
  }
  if (!rows.audits.empty()) {
    std::vector<ArrayParam>& p = Start(kAudit);
    for (const v1::AuditRecord& audit : rows.audits) {
      p[0].AddText(audit.tenant());
      p[1].AddInt8(audit.micros());
      p[2].AddText(audit.id());
      p[3].AddMessage(audit);
    }
  }
}

void RowEncoder::EncodeFlows(const Rows& rows) {
  if (!rows.flow_states.empty()) {
    std::vector<ArrayParam>& p = Start(kFlowState);
    for (const v1::FlowState& state : rows.flow_states) {
      p[0].AddText(state.tenant());
      p[1].AddText(state.namespace_());
      p[2].AddText(state.flow_id());
      p[3].AddInt4(static_cast<int32_t>(state.bucket()));
      p[4].AddMessage(state);
    }
  }
  if (!rows.slots_gone.empty()) {
    std::vector<ArrayParam>& p = Start(kSlotGone);
    for (const v1::FlowSlot& slot : rows.slots_gone) {
      p[0].AddText(slot.tenant());
      p[1].AddText(slot.namespace_());
      p[2].AddText(slot.flow_id());
      p[3].AddText(slot.execution_id());
    }
  }
  if (!rows.slots.empty()) {
    std::vector<ArrayParam>& p = Start(kSlot);
    for (const v1::FlowSlot& slot : rows.slots) {
      p[0].AddText(slot.tenant());
      p[1].AddText(slot.namespace_());
      p[2].AddText(slot.flow_id());
      p[3].AddText(slot.execution_id());
      p[4].AddBool(slot.queued());
      p[5].AddInt8(slot.since_micros());
      p[6].AddMessage(slot);
    }
  }
}

std::set<int> RowEncoder::DaysOf(const Rows& rows) {
  std::set<int> days;
  int last = -1;
  const auto add = [&](std::string_view id) {
    const int day = DayOfAggregate(id);
    if (day != last) days.insert(last = day);
  };
  for (const auto& row : rows.heads) add(row.id());
  for (const auto& row : rows.payloads) add(row.execution_id());
  for (const auto& row : rows.runs) add(row.execution_id());
  for (const auto& row : rows.run_payloads) add(row.execution_id());
  for (const auto& row : rows.records) add(row.aggregate());
  for (const auto& row : rows.engine_logs) add(row.execution_id());
  return days;
}

}  // namespace orch::store::postgres
