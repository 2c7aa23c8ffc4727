// SqlStore is the half of a Store that both keepers share: every query, and Write.
//
// Errors      Those of the keeper's sessions, passed on; kDataLoss for a row that cannot be
// decoded.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/store/sql/session.h"
#include "controlplane/store/store.h"

namespace orch::store::sql {

class SqlStore : public Store {
 public:
  using Work = std::function<absl::Status(SqlSession&)>;

  absl::Status Write(const SharedRows& rows) final;

  absl::StatusOr<std::vector<v1::ExecutionHead>> LiveHeads(uint32_t bucket_first,
                                                           uint32_t bucket_last,
                                                           const std::string& after_id,
                                                           int limit) final;
  absl::StatusOr<ExecutionRows> LoadExecution(const std::string& execution_id) final;
  absl::StatusOr<std::vector<v1::Timer>> Timers(uint32_t bucket_first, uint32_t bucket_last,
                                                absl::Time due_before, int limit) final;
  absl::StatusOr<std::vector<v1::Mail>> Mails(uint32_t bucket_first, uint32_t bucket_last,
                                              int limit) final;
  absl::StatusOr<std::optional<FlowStateRows>> LoadFlowState(const std::string& tenant,
                                                             const std::string& ns,
                                                             const std::string& flow_id) final;
  absl::StatusOr<std::optional<IdempotencyKey>> FindIdempotencyKey(const std::string& tenant,
                                                                   const std::string& key) final;

  absl::StatusOr<ExecutionPage> ListExecutions(const ExecutionFilter& filter,
                                               const Page& page) final;
  absl::StatusOr<ExecutionSummary> SummarizeExecutions(const ExecutionFilter& filter,
                                                       absl::Duration step, int limit) final;
  absl::StatusOr<v1::ExecutionHead> GetHead(const std::string& execution_id) final;
  absl::StatusOr<v1::ExecutionPayload> GetPayload(const std::string& execution_id) final;
  absl::StatusOr<std::vector<v1::TaskRun>> ListRuns(const std::string& execution_id, int64_t first,
                                                    int limit) final;
  absl::StatusOr<std::optional<v1::TaskRunPayload>> GetRunPayload(
      const std::string& execution_id, int64_t number, v1::TaskRunPayload::Kind kind) final;
  absl::StatusOr<std::vector<v1::Record>> ListRecords(const std::string& aggregate, int64_t first,
                                                      int limit) final;
  absl::StatusOr<std::vector<v1::EngineLog>> ListEngineLogs(const std::string& execution_id) final;

  absl::StatusOr<std::optional<FlowRow>> GetFlow(const std::string& tenant, const std::string& ns,
                                                 const std::string& id,
                                                 std::optional<int> revision) final;
  absl::StatusOr<FlowPage> ListFlows(const FlowFilter& filter, const Page& page) final;
  absl::StatusOr<std::vector<FlowRow>> ListRevisions(const std::string& tenant,
                                                     const std::string& ns,
                                                     const std::string& id) final;
  absl::StatusOr<std::optional<KvRow>> GetKv(const std::string& tenant, const std::string& ns,
                                             const std::string& key) final;
  absl::StatusOr<std::vector<KvRow>> ListKv(const std::string& tenant, const std::string& ns,
                                            const std::string& prefix, int limit) final;
  absl::StatusOr<std::optional<std::string>> GetAttemptAnswer(const std::string& attempt) final;
  absl::StatusOr<std::vector<TaskTypeRow>> ListTaskTypes() final;

  absl::Status AppendLogs(const std::vector<LogChunkRow>& chunks) final;
  absl::StatusOr<std::vector<LogChunkRow>> ListLogChunks(const std::string& execution_id,
                                                         const std::string& after_attempt,
                                                         int64_t after_line, int limit) final;
  absl::Status AppendMetrics(const std::vector<MetricRow>& metrics) final;
  absl::StatusOr<std::vector<MetricRow>> ListMetrics(const std::string& execution_id,
                                                     int limit) final;
  absl::StatusOr<std::vector<v1::AuditRecord>> ListAudit(const std::string& tenant,
                                                         int limit) final;
  absl::Status Check() final;
  absl::StatusOr<std::vector<std::string>> Orphans(int limit) final;

 protected:
  // Where rows live: logs and metrics have connections, and perhaps a file, of their own.
  enum class Place { kMain, kLogs };

  // Lends a session for reading.
  virtual absl::Status Read(Place place, const Work& work) = 0;

  // Runs `work` in one transaction and commits it durably. An error of `work` rolls it back and is
  // returned; kUnknown when the answer to the commit was lost. `work` may run more than once.
  virtual absl::Status Transact(Place place, const Work& work) = 0;
};

}  // namespace orch::store::sql
