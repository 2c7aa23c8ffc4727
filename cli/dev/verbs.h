// The verbs that serve, each in the file of its name.
#pragma once

#include "cli/command/arguments.h"
#include "cli/command/session.h"

namespace orch::cli {

void AddDev(Verb root, const Session& session);
void AddServer(Verb root, const Session& session);
void AddWorker(Verb root, const Session& session);

// All of the above below `root`.
void AddServing(Verb root, const Session& session);

}  // namespace orch::cli
