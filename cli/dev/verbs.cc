#include "cli/dev/verbs.h"

namespace orch::cli {

void AddServing(Verb root, const Session& session) {
  AddDev(root, session);
  AddServer(root, session);
  AddWorker(root, session);
}

}  // namespace orch::cli
