#include "controlplane/store/contract_rows.h"

#include "base/ids.h"

namespace orch::store {

testing::AssertionResult Same(const google::protobuf::MessageLite& a,
                              const google::protobuf::MessageLite& b) {
  if (a.SerializeAsString() == b.SerializeAsString()) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << "the message that came back is another:\n"
         << dynamic_cast<const google::protobuf::Message&>(a).DebugString() << "\ninstead of\n"
         << dynamic_cast<const google::protobuf::Message&>(b).DebugString();
}

v1::ExecutionPayload TestPayload(const std::string& id, const std::string& key,
                                 const std::string& value) {
  v1::ExecutionPayload payload;
  payload.set_execution_id(id);
  payload.mutable_inputs()->set_utf8(R"({"n":1.50})");
  v1::Label* label = payload.add_labels();
  label->set_key(key);
  label->set_value(value);
  return payload;
}

v1::RecordRow TestRecords(const std::string& aggregate, int64_t first, int count) {
  v1::RecordRow row;
  row.set_aggregate(aggregate);
  row.set_first_number(first);
  for (int i = 0; i < count; ++i) {
    v1::Record* record = row.add_records();
    record->set_number(first + i);
    record->set_now_micros(1000 + first + i);
    record->mutable_cause()->mutable_continue_();
  }
  return row;
}

v1::Timer TestTimer(const std::string& id, int64_t run, int64_t due, uint32_t bucket) {
  v1::Timer timer;
  timer.set_execution_id(id);
  timer.set_run(run);
  timer.set_kind(v1::Timer::RETRY);
  timer.set_due_micros(due);
  timer.set_bucket(bucket);
  return timer;
}

v1::TimerKey KeyOf(const v1::Timer& timer) {
  v1::TimerKey key;
  key.set_execution_id(timer.execution_id());
  key.set_run(timer.run());
  key.set_kind(timer.kind());
  return key;
}

v1::Mail TestMail(const std::string& receiver, const std::string& sender, int64_t sequence,
                  uint32_t bucket) {
  v1::Mail mail;
  mail.set_receiver(receiver);
  mail.set_sender(sender);
  mail.set_sequence(sequence);
  mail.set_receiver_bucket(bucket);
  mail.mutable_event()->mutable_kill_requested()->set_cascade(true);
  return mail;
}

v1::FlowState TestFlowState() {
  v1::FlowState state;
  state.set_tenant("main");
  state.set_namespace_("company.team");
  state.set_flow_id("etl");
  state.set_limit(2);
  state.set_execution_count(9);
  return state;
}

v1::FlowSlot TestSlot(const std::string& id, bool queued, int64_t since) {
  v1::FlowSlot slot;
  slot.set_tenant("main");
  slot.set_namespace_("company.team");
  slot.set_flow_id("etl");
  slot.set_execution_id(id);
  slot.set_queued(queued);
  slot.set_since_micros(since);
  return slot;
}

v1::AuditRecord TestAudit(const std::string& id, int64_t micros) {
  v1::AuditRecord audit;
  audit.set_id(id);
  audit.set_tenant("main");
  audit.set_verb("EXECUTION_CREATE");
  audit.set_micros(micros);
  return audit;
}

IdempotencyKey TestKey(const std::string& key, const std::string& id) {
  return {.tenant = "main",
          .key = key,
          .execution_id = id,
          .digest = "digest of " + id,
          .created_at = absl::FromUnixSeconds(1'790'000'000)};
}

FlowRow TestFlow(const std::string& ns, const std::string& id, int revision) {
  FlowRow flow{.tenant = "main",
               .namespace_ = ns,
               .id = id,
               .revision = revision,
               .source = "id: " + id + "\n# revision " + std::to_string(revision),
               .digest = "d" + std::to_string(revision),
               .description = "what it does",
               .updated_at = absl::FromUnixSeconds(1'790'000'000 + revision)};
  v1::Label label;
  label.set_key("owner");
  label.set_value("ops");
  flow.labels.push_back(label);
  return flow;
}

KvRow TestKv(const std::string& key, int revision) {
  return {.tenant = "main",
          .namespace_ = "company",
          .key = key,
          .type = "NUMBER",
          .value = std::to_string(revision),
          .description = "a number",
          .revision = revision,
          .created_at = absl::FromUnixSeconds(1),
          .updated_at = absl::FromUnixSeconds(1 + revision)};
}

std::vector<std::string> Ids(const std::vector<v1::ExecutionHead>& heads) {
  std::vector<std::string> ids;
  for (const auto& head : heads) ids.push_back(head.id());
  return ids;
}

std::vector<std::string> Keys(const std::vector<KvRow>& rows) {
  std::vector<std::string> keys;
  for (const auto& row : rows) keys.push_back(row.key);
  return keys;
}

std::vector<int64_t> Numbers(const std::vector<v1::Record>& records) {
  std::vector<int64_t> numbers;
  for (const auto& record : records) numbers.push_back(record.number());
  return numbers;
}

std::string TestId(int number, absl::Time at) {
  SeededRandom random(static_cast<uint64_t>(number) + 1);
  return NewTimeId(at + absl::Milliseconds(number), random);
}

v1::ExecutionHead TestHead(const std::string& id) {
  v1::ExecutionHead head;
  head.set_id(id);
  head.set_bucket(7);
  head.set_tenant("main");
  head.set_namespace_("company.team");
  head.set_flow_id("etl");
  head.set_flow_revision(3);
  head.set_state(v1::RUNNING);
  head.set_live(true);
  head.set_generation(1);
  head.set_created_micros(1'790'000'000'000'000);
  head.mutable_branch()->mutable_tally()->set_created(2);
  return head;
}

v1::TaskRun TestRun(const std::string& execution_id, int64_t number) {
  v1::TaskRun run;
  run.set_execution_id(execution_id);
  run.set_number(number);
  run.set_task_id("extract");
  run.set_parent(-1);
  run.set_state(v1::CREATED);
  run.set_live(true);
  run.mutable_lease()->set_session("s1");
  run.mutable_outputs()->set_utf8(std::string("{\"b\":\"\\u0000\"}\0x", 16));
  return run;
}

}  // namespace orch::store
