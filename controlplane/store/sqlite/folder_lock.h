// FolderLock holds a folder for this process, and tells others who holds it.
//
// The lock is the kernel's (flock on the file orch.lock) and ends with the process, however it
// dies; what stands in the file is for people.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"

namespace orch::store::sqlite {

class FolderLock {
 public:
  //   kFailedPrecondition  another process holds it; the message says which, and since when.
  //   else                 as ErrnoError (base/errors.h).
  static absl::StatusOr<FolderLock> Take(const std::string& folder, absl::Time now);

 private:
  explicit FolderLock(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

}  // namespace orch::store::sqlite
