#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "orch/task.h"

namespace orch::worker {

// A type whose attempts are scripts: a process under a shim, not a class.
struct ScriptType {
  std::string type;  // Canonical name.
  // Whether the property `script` holds the program; else `commands` has lines of shell.
  bool inline_script = false;
  std::string extension;             // Of the file of the program; empty: the script is shell text.
  std::vector<std::string> program;  // What runs that file.
  std::string preamble;              // Stands before the program.
  std::vector<std::pair<std::string, std::string>> env;
};

// All that one worker serves.
struct TypeRegistry {
  sdk::TaskRegistry tasks;
  std::map<std::string, ScriptType> scripts;

  void Add(ScriptType script) { scripts[script.type] = std::move(script); }
};

}  // namespace orch::worker
