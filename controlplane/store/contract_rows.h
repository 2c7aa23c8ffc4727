// Rows for the suite of the keepers, and what it compares.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/store/contract.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace orch::store {

testing::AssertionResult Same(const google::protobuf::MessageLite& a,
                              const google::protobuf::MessageLite& b);
v1::ExecutionPayload TestPayload(const std::string& id, const std::string& key = "team",
                                 const std::string& value = "blue");
v1::RecordRow TestRecords(const std::string& aggregate, int64_t first, int count);
v1::Timer TestTimer(const std::string& id, int64_t run, int64_t due, uint32_t bucket = 7);
v1::TimerKey KeyOf(const v1::Timer& timer);
v1::Mail TestMail(const std::string& receiver, const std::string& sender, int64_t sequence,
                  uint32_t bucket = 7);
v1::FlowState TestFlowState();
v1::FlowSlot TestSlot(const std::string& id, bool queued, int64_t since);
v1::AuditRecord TestAudit(const std::string& id, int64_t micros);
IdempotencyKey TestKey(const std::string& key, const std::string& id);
FlowRow TestFlow(const std::string& ns, const std::string& id, int revision);
KvRow TestKv(const std::string& key, int revision);
std::vector<std::string> Ids(const std::vector<v1::ExecutionHead>& heads);
std::vector<std::string> Keys(const std::vector<KvRow>& rows);
std::vector<int64_t> Numbers(const std::vector<v1::Record>& records);

}  // namespace orch::store
