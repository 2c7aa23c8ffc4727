#include "controlplane/conductor/pending_batch.h"

namespace orch::conductor {

void PendingBatch::Add(const std::string& execution_id, v1::Record record) {
  auto [entry, is_new] = dirty_.try_emplace(execution_id);
  Dirty& dirty = entry->second;
  if (is_new) {
    order_.push_back(execution_id);
    dirty.records.set_aggregate(execution_id);
    dirty.records.set_first_number(record.number());
    ++row_count_;
  }
  const v1::Changes& changes = record.changes();
  const auto count = [this](bool added) { row_count_ += added ? 1 : 0; };
  if (changes.has_head()) {
    count(!dirty.head);
    dirty.head = true;
  }
  if (changes.has_payload()) {
    count(!dirty.payload);
    dirty.payload = true;
  }
  for (const v1::TaskRun& run : changes.runs()) count(dirty.runs.insert(run.number()).second);
  for (const v1::TaskRunPayload& payload : changes.run_payloads()) {
    count(dirty.run_payloads.insert({payload.number(), payload.kind()}).second);
  }
  for (const v1::Timer& timer : changes.timers()) {
    count(dirty.timers.insert_or_assign({timer.run(), timer.kind()}, timer).second);
  }
  for (const v1::TimerKey& key : changes.timers_gone()) {
    count(dirty.timers.insert_or_assign({key.run(), key.kind()}, std::nullopt).second);
  }
  for (const v1::EngineLog& log : changes.logs()) {
    dirty.logs.push_back(log);
    ++row_count_;
  }
  for (const v1::Mail& mail : changes.mails()) {
    dirty.mails.push_back(mail);
    ++row_count_;
  }
  // Records are most of a batch: rows that change several times are written once beside them.
  bytes_ += static_cast<int64_t>(record.ByteSizeLong());
  *dirty.records.add_records() = std::move(record);
}

void PendingBatch::AddIdempotencyKey(store::IdempotencyKey key) {
  keys_.push_back(std::move(key));
  ++row_count_;
}

void PendingBatch::AddAudit(v1::AuditRecord audit) {
  audits_.push_back(std::move(audit));
  ++row_count_;
}

void PendingBatch::AddFlowState(v1::FlowState state, std::vector<v1::FlowSlot> slots,
                                std::vector<v1::FlowSlot> slots_gone, v1::RecordRow record) {
  bytes_ += 2 * static_cast<int64_t>(record.ByteSizeLong());
  const std::string key = record.aggregate();
  buckets_.insert(state.bucket());
  // Its row and, once per batch, the row of its records.
  if (flow_states_.insert_or_assign(key, std::move(state)).second) row_count_ += 2;
  const auto put = [&](v1::FlowSlot slot, bool there) {
    std::pair<std::string, std::string> name(key, slot.execution_id());
    const bool is_new =
        slots_.insert_or_assign(std::move(name), std::pair(std::move(slot), there)).second;
    row_count_ += is_new ? 1 : 0;
  };
  for (v1::FlowSlot& slot : slots_gone) put(std::move(slot), false);
  for (v1::FlowSlot& slot : slots) put(std::move(slot), true);
  for (v1::RecordRow& row : flow_records_) {
    if (row.aggregate() != key) continue;
    row.mutable_records()->MergeFrom(record.records());
    return;
  }
  flow_records_.push_back(std::move(record));
}

void PendingBatch::AddMailGone(store::MailKey key, uint32_t bucket) {
  buckets_.insert(bucket);
  mails_gone_.push_back(std::move(key));
  ++row_count_;
}

bool PendingBatch::empty() const { return row_count_ == 0 && after_.empty(); }

store::Rows PendingBatch::Build(
    const std::function<const engine::Execution*(const std::string&)>& find) {
  store::Rows rows;
  for (const std::string& id : order_) {
    Dirty& dirty = dirty_[id];
    const engine::Execution& execution = *find(id);
    if (dirty.head) rows.heads.push_back(execution.head());
    if (dirty.payload) rows.payloads.push_back(execution.payload());
    for (const int64_t number : dirty.runs) rows.runs.push_back(*execution.FindRun(number));
    for (const auto& [number, kind] : dirty.run_payloads) {
      const auto* payload =
          execution.FindRunPayload(number, static_cast<v1::TaskRunPayload::Kind>(kind));
      if (payload != nullptr) rows.run_payloads.push_back(*payload);
    }
    for (auto& [key, timer] : dirty.timers) {
      if (timer.has_value()) {
        rows.timers.push_back(std::move(*timer));
        continue;
      }
      v1::TimerKey gone;
      gone.set_execution_id(id);
      gone.set_run(key.first);
      gone.set_kind(static_cast<v1::Timer::Kind>(key.second));
      rows.timers_gone.push_back(std::move(gone));
    }
    for (v1::EngineLog& log : dirty.logs) rows.engine_logs.push_back(std::move(log));
    for (v1::Mail& mail : dirty.mails) rows.mails.push_back(std::move(mail));
    rows.records.push_back(std::move(dirty.records));
  }
  rows.idempotency_keys = std::move(keys_);
  rows.audits = std::move(audits_);
  for (auto& [key, state] : flow_states_) rows.flow_states.push_back(std::move(state));
  for (auto& [key, slot] : slots_) {
    (slot.second ? rows.slots : rows.slots_gone).push_back(std::move(slot.first));
  }
  for (v1::RecordRow& row : flow_records_) rows.records.push_back(std::move(row));
  rows.mails_gone = std::move(mails_gone_);
  return rows;
}

}  // namespace orch::conductor
