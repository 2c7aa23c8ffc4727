// What a SimulatedStore answers.
#include <algorithm>
#include <limits>

#include "base/status_macros.h"
#include "controlplane/store/columns.h"
#include "controlplane/store/errors.h"
#include "controlplane/store/paging.h"
#include "controlplane/store/simulated_store.h"

namespace orch::store {
namespace {

constexpr int64_t kFirst = std::numeric_limits<int64_t>::min();

bool Within(uint32_t bucket, uint32_t first, uint32_t last) {
  return bucket >= first && bucket <= last;
}

bool Below(const std::string& ns, const std::string& above) {
  return ns == above || ns.starts_with(above + ".");
}

bool Holds(const std::string& text, const std::string& part) {
  return AsciiLower(text).find(AsciiLower(part)) != std::string::npos;
}

template <typename T>
bool Full(const std::vector<T>& answer, int limit) {
  return static_cast<int>(answer.size()) >= limit;
}

}  // namespace

v1::ExecutionHead SimulatedStore::HeadOf(const v1::ExecutionHead& head) const {
  if (!broken_.contains(head.id())) return head;
  v1::ExecutionHead known;
  known.set_id(head.id());
  known.set_bucket(head.bucket());
  known.set_tenant(head.tenant());
  known.set_namespace_(head.namespace_());
  known.set_flow_id(head.flow_id());
  known.set_state(head.state());
  known.set_live(head.live());
  known.set_created_micros(head.created_micros());
  known.set_error("its head cannot be decoded");
  known.set_version(-1);
  return known;
}

absl::StatusOr<std::vector<v1::ExecutionHead>> SimulatedStore::LiveHeads(
    uint32_t bucket_first, uint32_t bucket_last, const std::string& after_id, int limit) {
  std::vector<v1::ExecutionHead> heads;
  for (auto at = heads_.upper_bound({DayOfExecution(after_id), after_id});
       at != heads_.end() && !Full(heads, limit); ++at) {
    const v1::ExecutionHead& head = at->second;
    if (head.live() && Within(head.bucket(), bucket_first, bucket_last)) {
      heads.push_back(HeadOf(head));
    }
  }
  return heads;
}

absl::StatusOr<ExecutionRows> SimulatedStore::LoadExecution(const std::string& execution_id) {
  ExecutionRows rows;
  ORCH_ASSIGN_OR_RETURN(rows.head, GetHead(execution_id));
  rows.payload.set_execution_id(execution_id);
  if (const auto payload = payloads_.find(execution_id); payload != payloads_.end()) {
    rows.payload = payload->second;
  }
  for (auto at = runs_.lower_bound({execution_id, kFirst});
       at != runs_.end() && at->first.first == execution_id; ++at) {
    rows.runs.push_back(at->second);
  }
  for (auto at = run_payloads_.lower_bound({execution_id, kFirst, 0});
       at != run_payloads_.end() && std::get<0>(at->first) == execution_id; ++at) {
    rows.run_payloads.push_back(at->second);
  }
  for (auto at = timers_.lower_bound({execution_id, kFirst, 0});
       at != timers_.end() && std::get<0>(at->first) == execution_id; ++at) {
    rows.timers.push_back(at->second);
  }
  return rows;
}

absl::StatusOr<std::vector<v1::Timer>> SimulatedStore::Timers(uint32_t bucket_first,
                                                              uint32_t bucket_last,
                                                              absl::Time due_before, int limit) {
  std::vector<v1::Timer> due;
  for (const auto& [key, timer] : timers_) {
    if (Within(timer.bucket(), bucket_first, bucket_last) &&
        timer.due_micros() < absl::ToUnixMicros(due_before)) {
      due.push_back(timer);
    }
  }
  std::stable_sort(due.begin(), due.end(), [](const v1::Timer& a, const v1::Timer& b) {
    return a.due_micros() < b.due_micros();
  });
  if (Full(due, limit)) due.resize(static_cast<size_t>(limit));
  return due;
}

absl::StatusOr<std::vector<v1::Mail>> SimulatedStore::Mails(uint32_t bucket_first,
                                                            uint32_t bucket_last, int limit) {
  std::vector<v1::Mail> mails;
  for (const auto& [key, mail] : mails_) {
    if (Full(mails, limit)) break;
    if (Within(mail.receiver_bucket(), bucket_first, bucket_last)) mails.push_back(mail);
  }
  return mails;
}

absl::StatusOr<std::optional<FlowStateRows>> SimulatedStore::LoadFlowState(
    const std::string& tenant, const std::string& ns, const std::string& flow_id) {
  const auto state = flow_states_.find({tenant, ns, flow_id});
  if (state == flow_states_.end()) return std::nullopt;
  FlowStateRows rows{.state = state->second};
  for (auto at = slots_.lower_bound({tenant, ns, flow_id, ""}); at != slots_.end(); ++at) {
    const v1::FlowSlot& slot = at->second;
    if (slot.tenant() != tenant || slot.namespace_() != ns || slot.flow_id() != flow_id) break;
    rows.slots.push_back(slot);
  }
  std::stable_sort(rows.slots.begin(), rows.slots.end(),
                   [](const v1::FlowSlot& a, const v1::FlowSlot& b) {
                     return a.since_micros() < b.since_micros();
                   });
  return rows;
}

absl::StatusOr<std::optional<IdempotencyKey>> SimulatedStore::FindIdempotencyKey(
    const std::string& tenant, const std::string& key) {
  const auto found = idempotency_keys_.find({tenant, key});
  if (found == idempotency_keys_.end()) return std::nullopt;
  return found->second;
}

bool SimulatedStore::Matches(const ExecutionFilter& filter, const v1::ExecutionHead& head) const {
  const auto one_of = [](const auto& list, const auto& value) {
    return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
  };
  if (head.tenant() != filter.tenant || !one_of(filter.states, head.state())) return false;
  if (!filter.namespace_.empty() && !Below(head.namespace_(), filter.namespace_)) return false;
  if (!filter.flow_id.empty() && head.flow_id() != filter.flow_id) return false;
  if (!filter.parent_id.empty() && head.parent_id() != filter.parent_id) return false;
  if (filter.created_after && head.created_micros() < absl::ToUnixMicros(*filter.created_after)) {
    return false;
  }
  if (filter.created_before &&
      head.created_micros() >= absl::ToUnixMicros(*filter.created_before)) {
    return false;
  }
  if (!filter.query.empty() && !Holds(head.id(), filter.query) &&
      !Holds(head.flow_id(), filter.query) && !Holds(head.namespace_(), filter.query)) {
    return false;
  }
  const auto payload = payloads_.find(head.id());
  return std::all_of(filter.labels.begin(), filter.labels.end(), [&](const v1::Label& wanted) {
    return payload != payloads_.end() &&
           std::any_of(payload->second.labels().begin(), payload->second.labels().end(),
                       [&](const v1::Label& label) {
                         return label.key() == wanted.key() && label.value() == wanted.value();
                       });
  });
}

absl::StatusOr<ExecutionPage> SimulatedStore::ListExecutions(const ExecutionFilter& filter,
                                                             const Page& page) {
  ORCH_ASSIGN_OR_RETURN(const PageBounds bounds, BoundsOf(page));
  const std::pair<int, std::string> cursor(DayOfExecution(page.cursor), page.cursor);
  ExecutionPage answer;
  int64_t count = 0;
  int passed = 0;
  for (auto at = heads_.rbegin(); at != heads_.rend(); ++at) {
    const v1::ExecutionHead& head = at->second;
    if (!Matches(filter, head)) continue;
    ++count;
    if (!page.cursor.empty() && at->first >= cursor) continue;
    if (passed++ < bounds.offset) continue;
    if (Full(answer.heads, bounds.size)) {
      answer.next_cursor = answer.heads.back().id();
      continue;
    }
    answer.heads.push_back(HeadOf(head));
    v1::ExecutionPayload& payload = answer.payloads.emplace_back();
    if (const auto found = payloads_.find(head.id()); found != payloads_.end()) {
      payload = found->second;
    }
    payload.set_execution_id(head.id());
  }
  SetTotal(count, &answer);
  return answer;
}

absl::StatusOr<ExecutionSummary> SimulatedStore::SummarizeExecutions(const ExecutionFilter& filter,
                                                                     absl::Duration step,
                                                                     int limit) {
  const int64_t micros = absl::ToInt64Microseconds(step);
  if (micros < 1) return BadStep();
  std::map<std::pair<int64_t, v1::State>, int64_t> counts;
  ExecutionSummary summary;
  int64_t count = 0;
  for (auto at = heads_.rbegin(); at != heads_.rend(); ++at) {
    if (!Matches(filter, at->second)) continue;
    if (count++ == limit) {
      summary.complete = false;
      break;
    }
    ++counts[{at->second.created_micros() / micros * micros, at->second.state()}];
  }
  for (const auto& [key, number] : counts) {
    summary.counts.push_back({absl::FromUnixMicros(key.first), key.second, number});
  }
  return summary;
}

absl::StatusOr<v1::ExecutionHead> SimulatedStore::GetHead(const std::string& execution_id) {
  const auto head = heads_.find({DayOfExecution(execution_id), execution_id});
  if (head == heads_.end()) return NoSuchExecution(execution_id);
  if (broken_.contains(execution_id)) return BadRow("execution '" + execution_id + "'");
  return head->second;
}

absl::StatusOr<v1::ExecutionPayload> SimulatedStore::GetPayload(const std::string& execution_id) {
  const auto payload = payloads_.find(execution_id);
  if (payload == payloads_.end()) return NoSuchExecution(execution_id);
  return payload->second;
}

absl::StatusOr<std::vector<v1::TaskRun>> SimulatedStore::ListRuns(const std::string& execution_id,
                                                                  int64_t first, int limit) {
  std::vector<v1::TaskRun> runs;
  for (auto at = runs_.lower_bound({execution_id, first});
       at != runs_.end() && at->first.first == execution_id && !Full(runs, limit); ++at) {
    runs.push_back(at->second);
  }
  return runs;
}

absl::StatusOr<std::optional<v1::TaskRunPayload>> SimulatedStore::GetRunPayload(
    const std::string& execution_id, int64_t number, v1::TaskRunPayload::Kind kind) {
  const auto found = run_payloads_.find({execution_id, number, kind});
  if (found == run_payloads_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::vector<v1::Record>> SimulatedStore::ListRecords(const std::string& aggregate,
                                                                    int64_t first, int limit) {
  std::vector<v1::Record> records;
  for (auto at = records_.lower_bound({aggregate, kFirst});
       at != records_.end() && at->first.first == aggregate; ++at) {
    for (const v1::Record& record : at->second.records()) {
      if (record.number() >= first && !Full(records, limit)) records.push_back(record);
    }
  }
  return records;
}

absl::StatusOr<std::vector<v1::EngineLog>> SimulatedStore::ListEngineLogs(
    const std::string& execution_id) {
  std::vector<v1::EngineLog> logs;
  for (auto at = engine_logs_.lower_bound({execution_id, kFirst, kFirst, 0});
       at != engine_logs_.end() && std::get<0>(at->first) == execution_id; ++at) {
    logs.push_back(at->second);
  }
  return logs;
}

absl::StatusOr<std::optional<FlowRow>> SimulatedStore::GetFlow(const std::string& tenant,
                                                               const std::string& ns,
                                                               const std::string& id,
                                                               std::optional<int> revision) {
  const auto flow = flows_.find({tenant, ns, id});
  if (flow == flows_.end() || flow->second.empty()) return std::nullopt;
  if (!revision.has_value()) return flow->second.rbegin()->second;
  const auto found = flow->second.find(*revision);
  if (found == flow->second.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<FlowPage> SimulatedStore::ListFlows(const FlowFilter& filter, const Page& page) {
  ORCH_ASSIGN_OR_RETURN(const PageBounds bounds, BoundsOf(page));
  std::pair<std::string, std::string> after;
  if (!page.cursor.empty()) {
    ORCH_ASSIGN_OR_RETURN(after, ReadFlowCursor(page.cursor));
  }
  FlowPage answer;
  int passed = 0;
  for (const auto& [key, revisions] : flows_) {
    const FlowRow& flow = revisions.rbegin()->second;
    if (flow.tenant != filter.tenant || (flow.deleted && !filter.with_deleted)) continue;
    if (!filter.namespace_.empty() && !Below(flow.namespace_, filter.namespace_)) continue;
    if (!filter.query.empty() && !Holds(flow.id, filter.query) &&
        !Holds(flow.namespace_, filter.query)) {
      continue;
    }
    ++answer.total;
    if (!page.cursor.empty() && std::make_pair(flow.namespace_, flow.id) <= after) continue;
    if (passed++ < bounds.offset) continue;
    if (Full(answer.flows, bounds.size)) {
      answer.next_cursor = FlowCursor(answer.flows.back().namespace_, answer.flows.back().id);
      continue;
    }
    answer.flows.push_back(flow);
  }
  return answer;
}

absl::StatusOr<std::vector<FlowRow>> SimulatedStore::ListRevisions(const std::string& tenant,
                                                                   const std::string& ns,
                                                                   const std::string& id) {
  std::vector<FlowRow> rows;
  const auto flow = flows_.find({tenant, ns, id});
  if (flow == flows_.end()) return rows;
  for (const auto& [revision, row] : flow->second) rows.push_back(row);
  return rows;
}

absl::StatusOr<std::optional<KvRow>> SimulatedStore::GetKv(const std::string& tenant,
                                                           const std::string& ns,
                                                           const std::string& key) {
  const auto found = kv_.find({tenant, ns, key});
  if (found == kv_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::vector<KvRow>> SimulatedStore::ListKv(const std::string& tenant,
                                                          const std::string& ns,
                                                          const std::string& prefix, int limit) {
  std::vector<KvRow> rows;
  for (auto at = kv_.lower_bound({tenant, ns, prefix}); at != kv_.end() && !Full(rows, limit);
       ++at) {
    const KvRow& row = at->second;
    if (row.tenant != tenant || row.namespace_ != ns || !row.key.starts_with(prefix)) break;
    rows.push_back(row);
  }
  return rows;
}

absl::StatusOr<std::optional<std::string>> SimulatedStore::GetAttemptAnswer(
    const std::string& attempt) {
  const auto found = attempt_answers_.find(attempt);
  if (found == attempt_answers_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::vector<TaskTypeRow>> SimulatedStore::ListTaskTypes() {
  std::vector<TaskTypeRow> types;
  for (const auto& [key, row] : task_types_) types.push_back(row);
  return types;
}

absl::StatusOr<std::vector<LogChunkRow>> SimulatedStore::ListLogChunks(
    const std::string& execution_id, const std::string& after_attempt, int64_t after_line,
    int limit) {
  std::vector<LogChunkRow> chunks;
  for (auto at = log_chunks_.upper_bound({execution_id, after_attempt, after_line});
       at != log_chunks_.end() && at->second.execution_id == execution_id && !Full(chunks, limit);
       ++at) {
    chunks.push_back(at->second);
  }
  return chunks;
}

absl::StatusOr<std::vector<MetricRow>> SimulatedStore::ListMetrics(const std::string& execution_id,
                                                                   int limit) {
  std::vector<MetricRow> metrics;
  for (auto at = metrics_.lower_bound({execution_id, "", kFirst, "", ""});
       at != metrics_.end() && at->second.execution_id == execution_id && !Full(metrics, limit);
       ++at) {
    metrics.push_back(at->second);
  }
  return metrics;
}

absl::StatusOr<std::vector<v1::AuditRecord>> SimulatedStore::ListAudit(const std::string& tenant,
                                                                       int limit) {
  std::vector<v1::AuditRecord> audits;
  for (auto at = audits_.rbegin(); at != audits_.rend() && !Full(audits, limit); ++at) {
    if (at->second.tenant() == tenant) audits.push_back(at->second);
  }
  return audits;
}

bool SimulatedStore::IsOrphan(const v1::ExecutionHead& head) const {
  if (!head.live() || head.continue_due() || head.state() == v1::PAUSED ||
      head.state() == v1::BREAKPOINT) {
    return false;
  }
  const std::string& id = head.id();
  for (auto at = runs_.lower_bound({id, kFirst}); at != runs_.end() && at->first.first == id;
       ++at) {
    if (Awaits(at->second)) return false;
  }
  const auto timer = timers_.lower_bound({id, kFirst, 0});
  if (timer != timers_.end() && std::get<0>(timer->first) == id) return false;
  const auto slot = slots_.find({head.tenant(), head.namespace_(), head.flow_id(), id});
  if (slot != slots_.end() && slot->second.queued()) return false;
  const std::string address = ExecutionAddress(id);
  return std::none_of(mails_.begin(), mails_.end(), [&](const auto& entry) {
    return entry.second.receiver() == address || entry.second.sender() == address;
  });
}

absl::StatusOr<std::vector<std::string>> SimulatedStore::Orphans(int limit) {
  std::vector<std::string> ids;
  for (const auto& [key, head] : heads_) {
    if (Full(ids, limit)) break;
    if (IsOrphan(head)) ids.push_back(head.id());
  }
  return ids;
}

}  // namespace orch::store
