#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/output/execution_view.h"

namespace orch::cli {

struct TreeOptions {
  bool colors = false;
  size_t width = 100;
  size_t line_count_max = 1000;  // Of the whole tree; what does not fit is told in one line.
  // More children than this below one run are folded into counts, a line per task; those that fail
  // and a few that are under way stay visible.
  size_t child_count_max = 12;
};

// An execution as a tree of lines: a sign, a name, a state, how long. `now` ends what still runs.
std::vector<std::string> TreeLines(const ExecutionView& execution, absl::Time now,
                                   const TreeOptions& options);

// Tells what changed between two looks at an execution, a line per change: for terminals that
// cannot draw again, and for logs.
class ChangeTeller {
 public:
  // The lines for all that this look shows and the one before did not.
  std::vector<std::string> Tell(const ExecutionView& execution, bool colors);

 private:
  std::string state_;
  std::map<std::string, std::string> run_states_;
  std::map<std::string, std::string> run_waits_;
};

}  // namespace orch::cli
