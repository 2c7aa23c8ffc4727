// Complaint is one thing that is wrong, or worth knowing, about a document.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/flow/flow.h"

namespace orch::flow {

enum class Severity {
  kError,        // The document is refused.
  kWarning,      // Accepted, and likely to fail or to surprise when it runs.
  kInfo,         // Worth knowing.
  kDeprecation,  // Works, and will not for ever; `path` is what should be replaced.
};

struct Complaint {
  Severity severity = Severity::kError;
  Mark mark;
  // What it is about: "" (the flow), "namespace", "a.tasks" (a task by its id and a property right
  // in it), "tasks[0].retry.interval" (anything deeper).
  std::string path;
  std::string message;
};

// Whether any of them is an error.
bool AnyError(const std::vector<Complaint>& complaints);

// "line 3, column 5: a.tasks: must not be empty".
std::string ComplaintText(const Complaint& complaint);

// kInvalidArgument with every error, a line each; OK when there is none.
absl::Status StatusOf(const std::vector<Complaint>& complaints);

}  // namespace orch::flow
