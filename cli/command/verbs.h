// The verbs of `orch`, each in the file of its name. Every function adds one to its noun.
#pragma once

#include "cli/command/arguments.h"
#include "cli/command/session.h"

namespace orch::cli {

void AddFlowValidate(Verb noun, const Session& session);
void AddFlowApply(Verb noun, const Session& session);
void AddFlowGet(Verb noun, const Session& session);
void AddFlowList(Verb noun, const Session& session);
void AddFlowDelete(Verb noun, const Session& session);

void AddRun(Verb root, const Session& session);

void AddExecutionList(Verb noun, const Session& session);
void AddExecutionGet(Verb noun, const Session& session);
void AddExecutionLogs(Verb noun, const Session& session);
void AddExecutionOutputs(Verb noun, const Session& session);
void AddExecutionFiles(Verb noun, const Session& session);
void AddExecutionKill(Verb noun, const Session& session);
void AddExecutionTree(Verb noun, const Session& session);

void AddExpressionEval(Verb noun, const Session& session);

void AddKvList(Verb noun, const Session& session);
void AddKvGet(Verb noun, const Session& session);
void AddKvSet(Verb noun, const Session& session);
void AddKvDelete(Verb noun, const Session& session);

void AddVersion(Verb root, const Session& session);

// All of the above below `root`.
void AddVerbs(Verb root, const Session& session);

}  // namespace orch::cli
