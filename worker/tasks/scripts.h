#pragma once

#include "worker/runner/types.h"

namespace orch::worker {

ScriptType ShellCommands();
ScriptType ShellScript();
ScriptType PythonCommands();
ScriptType PythonScript();

}  // namespace orch::worker
