// What anyone reads of executions.
#include "base/ids.h"
#include "base/status_macros.h"
#include "controlplane/store/columns.h"
#include "controlplane/store/errors.h"
#include "controlplane/store/paging.h"
#include "controlplane/store/sql/decode.h"
#include "controlplane/store/sql/sql_store.h"
#include "controlplane/store/sql/where.h"

namespace orch::store::sql {
namespace {

// An execution may be created (its mail read) days after its id was drawn, and clocks differ.
constexpr int kLateDays = 7;

void AddFilter(const ExecutionFilter& filter, const SqlSession& session, Where* where) {
  where->And("h.tenant = " + where->Param(filter.tenant));
  if (!filter.namespace_.empty()) where->AndNamespace("h.namespace", filter.namespace_);
  if (!filter.flow_id.empty()) where->And("h.flow_id = " + where->Param(filter.flow_id));
  if (!filter.parent_id.empty()) {
    where->And("h.parent_id <> ''");  // Names the partial index.
    where->And("h.parent_id = " + where->Param(filter.parent_id));
  }
  if (!filter.states.empty()) {
    std::string list;
    for (const v1::State state : filter.states) {
      if (!list.empty()) list += ", ";
      list += std::to_string(static_cast<int>(state));
    }
    where->And("h.state IN (" + list + ")");
  }
  if (filter.created_after.has_value()) {
    where->And("h.created_micros >= " + where->Param(absl::ToUnixMicros(*filter.created_after)));
    where->And("h.day >= " + where->Param(int64_t{DayOf(*filter.created_after) - kLateDays}));
  }
  if (filter.created_before.has_value()) {
    where->And("h.created_micros < " + where->Param(absl::ToUnixMicros(*filter.created_before)));
    where->And("h.day <= " + where->Param(int64_t{DayOf(*filter.created_before) + 1}));
  }
  if (!filter.query.empty()) {
    const std::string part = where->Param(AsciiLower(filter.query));
    where->And("(" + session.Contains("h.id", part) + " OR " +
               session.Contains("lower(h.flow_id)", part) + " OR " +
               session.Contains("lower(h.namespace)", part) + ")");
  }
  for (const v1::Label& label : filter.labels) {
    where->And(session.Contains("p.labels", where->Param(LabelText(label))));
  }
}

constexpr char kPayloadJoin[] = " LEFT JOIN payload p ON p.day = h.day AND p.execution_id = h.id";

}  // namespace

absl::StatusOr<ExecutionPage> SqlStore::ListExecutions(const ExecutionFilter& filter,
                                                       const Page& page) {
  ORCH_ASSIGN_OR_RETURN(const PageBounds bounds, BoundsOf(page));
  ExecutionPage answer;
  const auto list = [&](SqlSession& session) -> absl::Status {
    Where where;
    AddFilter(filter, session, &where);
    const std::string join = filter.labels.empty() ? "" : kPayloadJoin;
    ORCH_RETURN_IF_ERROR(session.Query("SELECT count(*) FROM (SELECT 1 FROM head h" + join +
                                           where.text() + " LIMIT " +
                                           std::to_string(kTotalMax + 1) + ") AS counted",
                                       where.params(), [&](const SqlRow& row) {
                                         SetTotal(row.Int(0), &answer);
                                         return absl::OkStatus();
                                       }));
    if (!page.cursor.empty()) {
      const std::string day = where.Param(int64_t{DayOfExecution(page.cursor)});
      where.And("h.day <= " + day);
      where.And("(h.day, h.id) < (" + day + ", " + where.Param(page.cursor) + ")");
    }
    return session.Query(
        "SELECT " + std::string(kHeadColumns) + ", p.body FROM head h" + kPayloadJoin +
            where.text() + " ORDER BY h.day DESC, h.id DESC LIMIT " +
            std::to_string(bounds.size + 1) + " OFFSET " + std::to_string(bounds.offset),
        where.params(), [&](const SqlRow& row) {
          if (static_cast<int>(answer.heads.size()) == bounds.size) {
            answer.next_cursor = answer.heads.back().id();
            return absl::OkStatus();
          }
          answer.heads.push_back(HeadOf(row));
          v1::ExecutionPayload& payload = answer.payloads.emplace_back();
          const std::string_view body = row.Bytes(kHeadColumnCount);
          if (!payload.ParseFromArray(body.data(), static_cast<int>(body.size()))) payload.Clear();
          payload.set_execution_id(answer.heads.back().id());
          return absl::OkStatus();
        });
  };
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    answer = {};
    ORCH_RETURN_IF_ERROR(session.BeginSnapshot());
    const absl::Status status = list(session);
    session.EndSnapshot();
    return status;
  }));
  return answer;
}

absl::StatusOr<ExecutionSummary> SqlStore::SummarizeExecutions(const ExecutionFilter& filter,
                                                               absl::Duration step, int limit) {
  const int64_t micros = absl::ToInt64Microseconds(step);
  if (micros < 1) return BadStep();
  ExecutionSummary summary;
  ORCH_RETURN_IF_ERROR(Read(Place::kMain, [&](SqlSession& session) {
    summary = {};
    Where where;
    AddFilter(filter, session, &where);
    const std::string newest = "SELECT h.created_micros, h.state FROM head h" +
                               std::string(filter.labels.empty() ? "" : kPayloadJoin) +
                               where.text() + " ORDER BY h.day DESC, h.id DESC LIMIT ";
    const std::string start = "n.created_micros / " + where.Param(micros);
    // The last row of one more than the limit is only seen, not counted.
    const std::string more = "(SELECT count(*) FROM (" + newest +
                             std::to_string(int64_t{limit} + 1) + ") AS all_of_them) > " +
                             std::to_string(limit);
    return session.Query(
        "SELECT " + start + ", n.state, count(*), " + more + " FROM (" + newest +
            std::to_string(limit) + ") AS n GROUP BY 1, 2 ORDER BY 1, 2",
        where.params(), [&](const SqlRow& row) {
          summary.counts.push_back({absl::FromUnixMicros(row.Int(0) * micros),
                                    static_cast<v1::State>(row.Int(1)), row.Int(2)});
          summary.complete = !row.Bool(3);
          return absl::OkStatus();
        });
  }));
  return summary;
}

absl::StatusOr<v1::ExecutionHead> SqlStore::GetHead(const std::string& execution_id) {
  ORCH_ASSIGN_OR_RETURN(
      std::vector<v1::ExecutionHead> heads,
      ReadBodies<v1::ExecutionHead>([this](const Work& work) { return Read(Place::kMain, work); },
                                    "execution '" + execution_id + "'",
                                    "SELECT body FROM head WHERE day = $1 AND id = $2",
                                    {int64_t{DayOfExecution(execution_id)}, execution_id}));
  if (heads.empty()) return NoSuchExecution(execution_id);
  return std::move(heads.front());
}

absl::StatusOr<v1::ExecutionPayload> SqlStore::GetPayload(const std::string& execution_id) {
  ORCH_ASSIGN_OR_RETURN(std::vector<v1::ExecutionPayload> payloads,
                        ReadBodies<v1::ExecutionPayload>(
                            [this](const Work& work) { return Read(Place::kMain, work); },
                            "the payload of execution '" + execution_id + "'",
                            "SELECT body FROM payload WHERE day = $1 AND execution_id = $2",
                            {int64_t{DayOfExecution(execution_id)}, execution_id}));
  if (payloads.empty()) return NoSuchExecution(execution_id);
  return std::move(payloads.front());
}

absl::StatusOr<std::vector<v1::TaskRun>> SqlStore::ListRuns(const std::string& execution_id,
                                                            int64_t first, int limit) {
  return ReadBodies<v1::TaskRun>(
      [this](const Work& work) { return Read(Place::kMain, work); },
      "a task run of execution '" + execution_id + "'",
      "SELECT body FROM task_run WHERE day = $1 AND execution_id = $2 AND number >= $3"
      " ORDER BY number LIMIT $4",
      {int64_t{DayOfExecution(execution_id)}, execution_id, first, int64_t{limit}});
}

absl::StatusOr<std::optional<v1::TaskRunPayload>> SqlStore::GetRunPayload(
    const std::string& execution_id, int64_t number, v1::TaskRunPayload::Kind kind) {
  ORCH_ASSIGN_OR_RETURN(
      std::vector<v1::TaskRunPayload> payloads,
      ReadBodies<v1::TaskRunPayload>(
          [this](const Work& work) { return Read(Place::kMain, work); },
          "outputs of a task run of execution '" + execution_id + "'",
          "SELECT body FROM run_payload WHERE day = $1 AND execution_id = $2 AND number = $3"
          " AND kind = $4",
          {int64_t{DayOfExecution(execution_id)}, execution_id, number, int64_t{kind}}));
  if (payloads.empty()) return std::nullopt;
  return std::move(payloads.front());
}

absl::StatusOr<std::vector<v1::Record>> SqlStore::ListRecords(const std::string& aggregate,
                                                              int64_t first, int limit) {
  ORCH_ASSIGN_OR_RETURN(
      std::vector<v1::RecordRow> rows,
      ReadBodies<v1::RecordRow>(
          [this](const Work& work) { return Read(Place::kMain, work); },
          "a record of '" + aggregate + "'",
          "SELECT body FROM record WHERE day = $1 AND aggregate = $2 AND first_number >= coalesce("
          "(SELECT max(first_number) FROM record WHERE day = $1 AND aggregate = $2"
          " AND first_number <= $3), $3) ORDER BY first_number LIMIT $4",
          {int64_t{DayOfAggregate(aggregate)}, aggregate, first, int64_t{limit} + 1}));
  std::vector<v1::Record> records;
  for (v1::RecordRow& row : rows) {
    for (v1::Record& record : *row.mutable_records()) {
      if (record.number() < first) continue;
      if (static_cast<int>(records.size()) >= limit) return records;
      records.push_back(std::move(record));
    }
  }
  return records;
}

absl::StatusOr<std::vector<v1::EngineLog>> SqlStore::ListEngineLogs(
    const std::string& execution_id) {
  return ReadBodies<v1::EngineLog>(
      [this](const Work& work) { return Read(Place::kMain, work); },
      "an engine log of execution '" + execution_id + "'",
      "SELECT body FROM engine_log WHERE day = $1 AND execution_id = $2"
      " ORDER BY sequence, run, attempt",
      {int64_t{DayOfExecution(execution_id)}, execution_id});
}

}  // namespace orch::store::sql
