#include "cli/command/verbs.h"

namespace orch::cli {

void AddVerbs(Verb root, const Session& session) {
  Verb flow = root.Add("flow", "Flows: check them, bring them to a server, look at them.");
  AddFlowValidate(flow, session);
  AddFlowApply(flow, session);
  AddFlowGet(flow, session);
  AddFlowList(flow, session);
  AddFlowDelete(flow, session);

  AddRun(root, session);

  Verb execution = root.Add("execution", "Executions: what ran, how it went, what it said.");
  execution.Alias("exec").Alias("x");
  AddExecutionList(execution, session);
  AddExecutionGet(execution, session);
  AddExecutionTree(execution, session);
  AddExecutionLogs(execution, session);
  AddExecutionOutputs(execution, session);
  AddExecutionFiles(execution, session);
  AddExecutionKill(execution, session);

  Verb expression = root.Add("expression", "Expressions: {{ … }} tried out.");
  AddExpressionEval(expression, session);

  Verb kv = root.Add("kv", "Key-value entries of namespaces.");
  AddKvList(kv, session);
  AddKvGet(kv, session);
  AddKvSet(kv, session);
  AddKvDelete(kv, session);

  AddVersion(root, session);
}

}  // namespace orch::cli
