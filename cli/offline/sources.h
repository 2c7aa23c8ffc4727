#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace orch::cli {

// A text with flows in it.
struct Source {
  std::string name;  // The path as given, or "-" for stdin.
  std::string text;
};

// Reads what the arguments name, in their order: a file; a folder, of which every *.yaml and *.yml
// at any depth, by path; a pattern (* ? [) that no file is called by; or `-`, stdin. A file that is
// named twice is read once.
//   a usage error  nothing is there, nothing of a folder is a flow, or a file is larger than 16
//   MiB.
absl::StatusOr<std::vector<Source>> GatherSources(const std::vector<std::string>& arguments);

}  // namespace orch::cli
