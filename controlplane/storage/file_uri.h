// FileUri is the address of a stored file: kestra:///<namespace as path>/<flow>/executions/<id>/...
//
// Invariant: every segment is a plain name: not empty, not `.` or `..`, at most 255 bytes, without
// `/`, control characters or a leading dot. So a path made of them stays beneath its root.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace orch::storage {

class FileUri {
 public:
  // Reads `kestra:///a/b.txt`.
  //   kInvalidArgument  another scheme, a segment that is no plain name, or too long.
  static absl::StatusOr<FileUri> Parse(std::string_view text);

  // The one place where addresses are made. `names` below the execution's folder: `inputs`, the
  // input, the file. Namespace, flow and names are made plain: what a name may not hold becomes
  // `-`.
  static FileUri OfExecution(std::string_view ns, std::string_view flow_id,
                             std::string_view execution_id, const std::vector<std::string>& names);

  const std::vector<std::string>& segments() const { return segments_; }
  std::string ToString() const;

  // Whether it lies in the folder of that execution.
  bool BelongsTo(std::string_view ns, std::string_view flow_id,
                 std::string_view execution_id) const;

 private:
  explicit FileUri(std::vector<std::string> segments) : segments_(std::move(segments)) {}
  std::vector<std::string> segments_;
};

// Letters and digits as they are, other runs of characters as one `-`, ends trimmed; never empty.
std::string Slug(std::string_view text);

}  // namespace orch::storage
