// The errors that base/ itself gives birth to.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace orch {

// kInvalidArgument: the text was not made by NewTimeId.
absl::Status NotATimeId(std::string_view id);

// What a system call's errno asks of the caller; `doing` says what was tried, e.g. "open /x/y".
//   ENOENT, ESRCH              kNotFound
//   EEXIST                     kAlreadyExists
//   ENOSPC EDQUOT EMFILE …     kResourceExhausted   make room, then again
//   EACCES EROFS ENOTDIR …     kFailedPrecondition  mend the machine first
//   EINVAL ENAMETOOLONG        kInvalidArgument
//   EAGAIN ECONNREFUSED …      kUnavailable         again, later
//   all others                 kInternal
absl::Status ErrnoError(int error, std::string_view doing);

// kResourceExhausted: a file is larger than the caller would read.
absl::Status FileTooLarge(std::string_view path, size_t size_max);

// kResourceExhausted, kFailedPrecondition: see ThreadPool::Run.
absl::Status PoolFull(std::string_view name, int queue_count_max);
absl::Status PoolStopped(std::string_view name);

}  // namespace orch
