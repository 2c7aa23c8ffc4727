// From the properties of a script task to a command.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/runner/types.h"

namespace orch::worker {

// The properties of a script task, with markers filled.
struct ScriptConfig {
  std::vector<std::string> commands;
  std::vector<std::string> before_commands;
  std::string script;
  std::vector<std::string> interpreter = {"/bin/sh", "-c"};
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<std::pair<std::string, std::string>> namespace_files;  // Path, address.
  std::vector<std::pair<std::string, std::string>> input_files;      // Path, text or address.
  std::vector<std::string> output_files;                             // Globs.
  bool output_directory = false;
  bool fail_fast = true;
  bool warning_on_stderr = true;
  bool wants_docker = false;
};

//   kInvalidArgument   a property is not what it must be; the message names it.
absl::StatusOr<ScriptConfig> ReadScriptConfig(const ScriptType& type, const std::string& json);

// Addresses of the control plane's files in `text`, in their order, each once.
std::vector<std::string> AddressesIn(const std::string& text);

// The commands as one text for the interpreter.
std::string CommandBlock(const ScriptConfig& config);

// Whether the interpreter reads the shell's language.
bool IsShell(const std::vector<std::string>& interpreter);

// "PT1M30.5S"
std::string IsoDuration(int64_t micros);

}  // namespace orch::worker
