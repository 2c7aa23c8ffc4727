#include "controlplane/store/rows.h"

namespace orch::store {

int64_t Rows::Count() const {
  return static_cast<int64_t>(heads.size() + payloads.size() + runs.size() + run_payloads.size() +
                              timers.size() + timers_gone.size() + mails.size() +
                              mails_gone.size() + engine_logs.size() + records.size() +
                              flow_states.size() + slots.size() + slots_gone.size() +
                              idempotency_keys.size() + audits.size());
}

bool Rows::empty() const { return Count() == 0; }

}  // namespace orch::store
