// Whole files: read, written so that a crash leaves the old or the new one, removed.
//
// All calls block: keep them off the strands. Errors are those of ErrnoError (base/errors.h).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace orch {

// Everything in the file.
//   kNotFound           there is none.
//   kResourceExhausted  it has more than `size_max` bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t size_max);

// Replaces the file, or makes it with `mode`. When this returns OK the new contents survive a power
// cut; otherwise the file is as it was, or (when only the folder could not be flushed) new. The
// contents pass through a file beside it, `path` + ".<something>.new", gone afterwards unless the
// machine died meanwhile. Harmless to repeat.
absl::Status WriteFileAtomically(const std::string& path, std::string_view contents,
                                 mode_t mode = 0600);

// Removes a file. One that is gone is no error.
absl::Status RemoveFile(const std::string& path);

}  // namespace orch
