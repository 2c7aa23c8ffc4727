#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controlplane/api/execution_service.h"
#include "controlplane/flow/inputs.h"

namespace orch::api {

// A start on its way: what the request asks for, checked and resolved.
struct ExecutionService::Start {
  std::shared_ptr<const flow::Flow> flow;
  std::string execution_id;
  std::vector<v1::Label> labels;
  flow::SuppliedInputs supplied;
  flow::ResolvedInputs resolved;
  std::vector<storage::FileUri> stored;  // Files that were kept for it.
};

}  // namespace orch::api
