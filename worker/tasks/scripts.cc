#include "worker/tasks/scripts.h"

namespace orch::worker {
namespace {

ScriptType Python() {
  ScriptType type;
  type.program = {"python"};
  type.env = {{"PYTHONUNBUFFERED", "true"},
              {"PIP_ROOT_USER_ACTION", "ignore"},
              {"PIP_DISABLE_PIP_VERSION_CHECK", "1"}};
  return type;
}

}  // namespace

ScriptType ShellCommands() {
  ScriptType type;
  type.type = "scripts.shell.Commands";
  return type;
}

ScriptType ShellScript() {
  ScriptType type;
  type.type = "scripts.shell.Script";
  type.inline_script = true;
  return type;
}

ScriptType PythonCommands() {
  ScriptType type = Python();
  type.type = "scripts.python.Commands";
  return type;
}

ScriptType PythonScript() {
  ScriptType type = Python();
  type.type = "scripts.python.Script";
  type.inline_script = true;
  type.extension = ".py";
  // So that JSON that an expression put into the program reads as Python.
  type.preamble = "true = True; false = False; null = None\n";
  return type;
}

}  // namespace orch::worker
