#include "worker/tasks/builtin.h"

#include "worker/tasks/concat.h"
#include "worker/tasks/scripts.h"

namespace orch::worker {

TypeRegistry BuiltinTypes() {
  TypeRegistry types;
  types.Add(ShellCommands());
  types.Add(ShellScript());
  types.Add(PythonCommands());
  types.Add(PythonScript());
  types.tasks.Add(ConcatType());
  return types;
}

}  // namespace orch::worker
