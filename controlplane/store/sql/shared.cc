// Flows, keys and what else belongs to no shard.
#include "base/status_macros.h"
#include "controlplane/store/columns.h"
#include "controlplane/store/errors.h"
#include "controlplane/store/paging.h"
#include "controlplane/store/sql/decode.h"
#include "controlplane/store/sql/sql_store.h"
#include "controlplane/store/sql/where.h"

namespace orch::store::sql {
namespace {

constexpr char kFlowColumns[] =
    "f.tenant, f.namespace, f.id, f.revision, f.deleted, f.disabled, f.source, f.digest,"
    " f.description, f.labels, f.updated_micros";

absl::Status FlowOf(const SqlRow& row, FlowRow* flow) {
  flow->tenant = row.Text(0);
  flow->namespace_ = row.Text(1);
  flow->id = row.Text(2);
  flow->revision = static_cast<int>(row.Int(3));
  flow->deleted = row.Bool(4);
  flow->disabled = row.Bool(5);
  flow->source = row.Text(6);
  flow->digest = row.Text(7);
  flow->description = row.Text(8);
  v1::ExecutionPayload labels;  // Carries a list of labels.
  ORCH_RETURN_IF_ERROR(Decode(row.Bytes(9), "flow '" + flow->id + "'", &labels));
  flow->labels.assign(labels.labels().begin(), labels.labels().end());
  flow->updated_at = absl::FromUnixMicros(row.Int(10));
  return absl::OkStatus();
}

constexpr char kKvColumns[] =
    "tenant, namespace, name, type, value, description, revision, created_micros, updated_micros,"
    " expires_micros";

KvRow KvOf(const SqlRow& row) {
  KvRow kv{.tenant = row.Text(0),
           .namespace_ = row.Text(1),
           .key = row.Text(2),
           .type = row.Text(3),
           .value = row.Text(4),
           .description = row.Text(5),
           .revision = static_cast<int>(row.Int(6)),
           .created_at = absl::FromUnixMicros(row.Int(7)),
           .updated_at = absl::FromUnixMicros(row.Int(8))};
  if (!row.IsNull(9)) kv.expires_at = absl::FromUnixMicros(row.Int(9));
  return kv;
}

// Runs a statement that must change one row.
absl::Status Expect(SqlSession& session, const std::string& sql,
                    const std::vector<SqlValue>& params, const std::string& what) {
  ORCH_ASSIGN_OR_RETURN(const int64_t changed, session.Execute(sql, params));
  return changed == 1 ? absl::OkStatus() : ExpectationFailed(what);
}

absl::Status InsertFlow(SqlSession& session, const FlowRow& flow) {
  v1::ExecutionPayload labels;
  labels.mutable_labels()->Assign(flow.labels.begin(), flow.labels.end());
  const std::string label_bytes = labels.SerializeAsString();
  ORCH_RETURN_IF_ERROR(
      Expect(session,
             "INSERT INTO flow (tenant, namespace, id, revision, deleted, disabled, source, digest,"
             " description, labels, updated_micros)"
             " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
             {flow.tenant, flow.namespace_, flow.id, int64_t{flow.revision}, flow.deleted,
              flow.disabled, flow.source, flow.digest, flow.description, Blob{label_bytes},
              absl::ToUnixMicros(flow.updated_at)},
             "flow '" + flow.namespace_ + "." + flow.id + "'"));
  return session
      .Execute(
          "INSERT INTO flow_latest (tenant, namespace, id, revision, deleted)"
          " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, namespace, id) DO UPDATE"
          " SET revision = excluded.revision, deleted = excluded.deleted"
          " WHERE excluded.revision > flow_latest.revision",
          {flow.tenant, flow.namespace_, flow.id, int64_t{flow.revision}, flow.deleted})
      .status();
}

absl::Status PutKv(SqlSession& session, const KvRow& kv) {
  const std::string what = "key '" + kv.key + "' of namespace '" + kv.namespace_ + "'";
  SqlValue expires;
  if (kv.expires_at.has_value()) expires = absl::ToUnixMicros(*kv.expires_at);
  const std::vector<SqlValue> params = {kv.tenant,
                                        kv.namespace_,
                                        kv.key,
                                        kv.type,
                                        kv.value,
                                        kv.description,
                                        int64_t{kv.revision},
                                        absl::ToUnixMicros(kv.created_at),
                                        absl::ToUnixMicros(kv.updated_at),
                                        expires};
  if (kv.revision == 1) {
    return Expect(session,
                  "INSERT INTO kv (" + std::string(kKvColumns) +
                      ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
                  params, what);
  }
  return Expect(session,
                "UPDATE kv SET type = $4, value = $5, description = $6, revision = $7,"
                " created_micros = $8, updated_micros = $9, expires_micros = $10"
                " WHERE tenant = $1 AND namespace = $2 AND name = $3 AND revision = $7 - 1",
                params, what);
}

absl::Status WriteAll(SqlSession& session, const SharedRows& rows) {
  std::string body;
  for (const FlowRow& flow : rows.flows) ORCH_RETURN_IF_ERROR(InsertFlow(session, flow));
  for (const v1::Mail& mail : rows.mails) {
    mail.SerializeToString(&body);
    ORCH_RETURN_IF_ERROR(session
                             .Execute("INSERT INTO mail (receiver, sender, sequence, bucket, body)"
                                      " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                                      {mail.receiver(), mail.sender(), mail.sequence(),
                                       int64_t{mail.receiver_bucket()}, Blob{body}})
                             .status());
  }
  for (const KvRow& kv : rows.kv_gone) {
    ORCH_RETURN_IF_ERROR(
        session
            .Execute("DELETE FROM kv WHERE tenant = $1 AND namespace = $2 AND name = $3",
                     {kv.tenant, kv.namespace_, kv.key})
            .status());
  }
  for (const KvRow& kv : rows.kv) ORCH_RETURN_IF_ERROR(PutKv(session, kv));
  for (const TaskTypeRow& type : rows.task_types) {
    ORCH_RETURN_IF_ERROR(
        session
            .Execute("INSERT INTO task_type (type, version, digest, schema, markdown, seen_micros)"
                     " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (type, version, digest)"
                     " DO UPDATE SET schema = excluded.schema, markdown = excluded.markdown,"
                     " seen_micros = excluded.seen_micros",
                     {type.type, type.version, type.digest, type.schema, type.markdown,
                      absl::ToUnixMicros(type.seen_at)})
            .status());
  }
  for (const AttemptAnswerRow& row : rows.attempt_answers) {
    ORCH_RETURN_IF_ERROR(Expect(
        session,
        "INSERT INTO attempt_answer (attempt, answer) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        {row.attempt, Blob{row.answer}}, "the answer of attempt '" + row.attempt + "'"));
  }
  for (const v1::AuditRecord& audit : rows.audits) {
    audit.SerializeToString(&body);
    ORCH_RETURN_IF_ERROR(session
                             .Execute("INSERT INTO audit (tenant, micros, id, body)"
                                      " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                                      {audit.tenant(), audit.micros(), audit.id(), Blob{body}})
                             .status());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SqlStore::Write(const SharedRows& rows) {
  return Transact(Place::kMain, [&](SqlSession& session) { return WriteAll(session, rows); });
}

absl::StatusOr<std::optional<FlowRow>> SqlStore::GetFlow(const std::string& tenant,
                                                         const std::string& ns,
                                                         const std::string& id,
                                                         std::optional<int> revision) {
  std::optional<FlowRow> flow;
  std::string sql = "SELECT " + std::string(kFlowColumns) +
                    " FROM flow f WHERE f.tenant = $1 AND f.namespace = $2 AND f.id = $3";
  std::vector<SqlValue> params = {tenant, ns, id};
  if (revision.has_value()) {
    sql += " AND f.revision = $4";
    params.push_back(int64_t{*revision});
  }
  sql += " ORDER BY f.revision DESC LIMIT 1";
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    flow.reset();
    return session.Query(sql, params,
                         [&](const SqlRow& row) { return FlowOf(row, &flow.emplace()); });
  }));
  return flow;
}

absl::StatusOr<FlowPage> SqlStore::ListFlows(const FlowFilter& filter, const Page& page) {
  ORCH_ASSIGN_OR_RETURN(const PageBounds bounds, BoundsOf(page));
  std::pair<std::string, std::string> after;
  if (!page.cursor.empty()) {
    ORCH_ASSIGN_OR_RETURN(after, ReadFlowCursor(page.cursor));
  }
  FlowPage answer;
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) -> absl::Status {
    answer = {};
    Where where;
    where.And("l.tenant = " + where.Param(filter.tenant));
    if (!filter.with_deleted) where.And("NOT l.deleted");
    if (!filter.namespace_.empty()) where.AndNamespace("l.namespace", filter.namespace_);
    if (!filter.query.empty()) {
      const std::string part = where.Param(AsciiLower(filter.query));
      where.And("(" + session.Contains("lower(l.id)", part) + " OR " +
                session.Contains("lower(l.namespace)", part) + ")");
    }
    ORCH_RETURN_IF_ERROR(session.Query("SELECT count(*) FROM flow_latest l" + where.text(),
                                       where.params(), [&](const SqlRow& row) {
                                         answer.total = row.Int(0);
                                         return absl::OkStatus();
                                       }));
    if (!page.cursor.empty()) {
      where.And("(l.namespace, l.id) > (" + where.Param(after.first) + ", " +
                where.Param(after.second) + ")");
    }
    return session.Query(
        "SELECT " + std::string(kFlowColumns) +
            " FROM flow_latest l JOIN flow f ON f.tenant = l.tenant AND f.namespace = l.namespace"
            " AND f.id = l.id AND f.revision = l.revision" +
            where.text() + " ORDER BY l.namespace, l.id LIMIT " + std::to_string(bounds.size + 1) +
            " OFFSET " + std::to_string(bounds.offset),
        where.params(), [&](const SqlRow& row) -> absl::Status {
          if (static_cast<int>(answer.flows.size()) == bounds.size) {
            answer.next_cursor = FlowCursor(answer.flows.back().namespace_, answer.flows.back().id);
            return absl::OkStatus();
          }
          return FlowOf(row, &answer.flows.emplace_back());
        });
  }));
  return answer;
}

absl::StatusOr<std::vector<FlowRow>> SqlStore::ListRevisions(const std::string& tenant,
                                                             const std::string& ns,
                                                             const std::string& id) {
  std::vector<FlowRow> flows;
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    flows.clear();
    return session.Query("SELECT " + std::string(kFlowColumns) +
                             " FROM flow f WHERE f.tenant = $1 AND f.namespace = $2 AND f.id = $3"
                             " ORDER BY f.revision",
                         {tenant, ns, id},
                         [&](const SqlRow& row) { return FlowOf(row, &flows.emplace_back()); });
  }));
  return flows;
}

absl::StatusOr<std::optional<KvRow>> SqlStore::GetKv(const std::string& tenant,
                                                     const std::string& ns,
                                                     const std::string& key) {
  std::optional<KvRow> kv;
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    kv.reset();
    return session.Query("SELECT " + std::string(kKvColumns) +
                             " FROM kv WHERE tenant = $1 AND namespace = $2 AND name = $3",
                         {tenant, ns, key}, [&](const SqlRow& row) {
                           kv = KvOf(row);
                           return absl::OkStatus();
                         });
  }));
  return kv;
}

absl::StatusOr<std::vector<KvRow>> SqlStore::ListKv(const std::string& tenant,
                                                    const std::string& ns,
                                                    const std::string& prefix, int limit) {
  std::vector<KvRow> rows;
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    rows.clear();
    return session.Query("SELECT " + std::string(kKvColumns) +
                             " FROM kv WHERE tenant = $1 AND namespace = $2 AND name >= $3"
                             " AND substr(name, 1, length($3)) = $3 ORDER BY name LIMIT $4",
                         {tenant, ns, prefix, int64_t{limit}}, [&](const SqlRow& row) {
                           rows.push_back(KvOf(row));
                           return absl::OkStatus();
                         });
  }));
  return rows;
}

absl::StatusOr<std::optional<std::string>> SqlStore::GetAttemptAnswer(const std::string& attempt) {
  std::optional<std::string> answer;
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    answer.reset();
    return session.Query("SELECT answer FROM attempt_answer WHERE attempt = $1", {attempt},
                         [&](const SqlRow& row) {
                           answer = row.Text(0);
                           return absl::OkStatus();
                         });
  }));
  return answer;
}

absl::StatusOr<std::vector<TaskTypeRow>> SqlStore::ListTaskTypes() {
  std::vector<TaskTypeRow> types;
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    types.clear();
    return session.Query(
        "SELECT type, version, digest, schema, markdown, seen_micros FROM task_type"
        " ORDER BY type, version, digest",
        {}, [&](const SqlRow& row) {
          types.push_back({.type = row.Text(0),
                           .version = row.Text(1),
                           .digest = row.Text(2),
                           .schema = row.Text(3),
                           .markdown = row.Text(4),
                           .seen_at = absl::FromUnixMicros(row.Int(5))});
          return absl::OkStatus();
        });
  }));
  return types;
}

absl::StatusOr<std::vector<v1::AuditRecord>> SqlStore::ListAudit(const std::string& tenant,
                                                                 int limit) {
  return ReadBodies<v1::AuditRecord>(
      [this](const Work& work) { return Read(Place::kMain, work); }, "an audit record",
      "SELECT body FROM audit WHERE tenant = $1 ORDER BY micros DESC, id DESC LIMIT $2",
      {tenant, int64_t{limit}});
}

absl::Status SqlStore::Check() {
  return Transact(Place::kMain, [](SqlSession& session) {
    return session.Execute("UPDATE health SET beat = beat + 1", {}).status();
  });
}

}  // namespace orch::store::sql
