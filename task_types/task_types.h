// The schema of every task type that is built in, as files that are compiled into the binary.
#pragma once

#include <string_view>
#include <vector>

namespace orch::task_types {

struct EmbeddedSchema {
  std::string_view file;  // "log.Log.json"
  std::string_view json;
};

// All of them, by file name.
const std::vector<EmbeddedSchema>& EmbeddedSchemas();

}  // namespace orch::task_types
