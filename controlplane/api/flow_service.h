#pragma once

#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "controlplane/api/operations.h"
#include "controlplane/catalog/flow_catalog.h"

namespace orch::api {

// FlowService answers the RPCs of that name from the catalog.
//
// Threads     Thread-safe; handlers block on the catalog.
class FlowService {
 public:
  // The references must outlive it.
  FlowService(catalog::FlowCatalog& catalog, Clock& clock, Random& random)
      : catalog_(catalog), clock_(clock), random_(random) {}

  // Adds its handlers; it must outlive the table.
  void Register(Operations* operations);

 private:
  store::v1::AuditRecord Audit(const Call& call, const std::string& tenant, const std::string& verb,
                               const std::string& resource) const;

  catalog::FlowCatalog& catalog_;
  Clock& clock_;
  Random& random_;
};

}  // namespace orch::api
