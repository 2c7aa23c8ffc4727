#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "controlplane/api/operations.h"
#include "controlplane/catalog/flow_catalog.h"
#include "controlplane/catalog/key_values.h"

namespace orch::api {

// KvService answers the RPCs of that name.
//
// Threads     Thread-safe; handlers block on the store.
class KvService {
 public:
  // The references must outlive it.
  KvService(catalog::KeyValues& values, catalog::FlowCatalog& flows, Clock& clock, Random& random)
      : values_(values), flows_(flows), clock_(clock), random_(random) {}

  // Adds its handlers; it must outlive the table.
  void Register(Operations* operations);

 private:
  store::v1::AuditRecord Audit(const Call& call, const std::string& tenant, const std::string& verb,
                               const std::string& ns, const std::string& key) const;

  catalog::KeyValues& values_;
  catalog::FlowCatalog& flows_;
  Clock& clock_;
  Random& random_;
};

}  // namespace orch::api
