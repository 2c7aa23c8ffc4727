#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/random.h"
#include "controlplane/api/live.h"
#include "controlplane/api/operations.h"
#include "controlplane/catalog/flow_catalog.h"
#include "controlplane/conductor/ports.h"
#include "controlplane/engine/decide.h"
#include "controlplane/storage/file_store.h"
#include "orch/v1/execution_service.pb.h"

namespace orch::api {

// ExecutionService answers the RPCs of that name.
//
// A start or kill holds no thread while it commits, and none while it waits for an execution's end.
//
// Threads     Thread-safe.
class ExecutionService {
 public:
  // The pointers outlive it.
  struct Parts {
    Live live;
    catalog::FlowCatalog* flows = nullptr;
    conductor::FactSource* facts = nullptr;
    storage::FileStore* files = nullptr;
    const engine::Environment* environment = nullptr;
    Random* random = nullptr;  // Thread-safe.
    absl::Duration commit_deadline = absl::Seconds(30);
    int64_t file_bytes_max = int64_t{10} * 1024 * 1024 * 1024;
  };
  explicit ExecutionService(Parts parts) : parts_(parts) {}

  // Adds its handlers; it must outlive the table.
  void Register(Operations* operations);

 private:
  using Done = std::function<void(absl::StatusOr<v1::Execution>)>;
  struct Start;

  // A request for a flow, with its inputs resolved; files stored only if `keep`.
  enum class Files { kKeep, kOnlyNamed };
  absl::StatusOr<Start> Prepare(const v1::CreateExecutionRequest& request, Call& call,
                                Files files) const;
  absl::Status TakeFiles(const v1::CreateExecutionRequest& request, Call& call, Files files,
                         Start* start) const;
  absl::Status Resolve(const v1::CreateExecutionRequest& request, Start* start) const;

  void Create(const v1::CreateExecutionRequest& request, std::shared_ptr<Call> call,
              Done done) const;
  void Kill(const v1::KillExecutionRequest& request, std::shared_ptr<Call> call, Done done) const;
  // Answers with the execution once it has ended.
  void AwaitEnd(const std::string& tenant, const std::string& execution_id, Done done) const;
  absl::StatusOr<v1::InputsValidation> Validate(const v1::CreateExecutionRequest& request,
                                                Call& call) const;
  absl::StatusOr<v1::Evaluation> Evaluate(const v1::EvaluateExpressionRequest& request) const;
  absl::StatusOr<std::vector<absl::StatusOr<expression::Value>>> Fetch(
      const conductor::FactPlace& place, const std::vector<expression::Fact>& facts) const;
  void RegisterReads(Operations* operations);

  const Parts parts_;
};

}  // namespace orch::api
