#include "base/errors.h"

#include <errno.h>

#include <string>
#include <system_error>

#include "absl/strings/str_format.h"

namespace orch {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ESRCH: return absl::StatusCode::kNotFound;
    case EEXIST: return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM: return absl::StatusCode::kResourceExhausted;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case ELOOP: return absl::StatusCode::kFailedPrecondition;
    case EINVAL:
    case ENAMETOOLONG: return absl::StatusCode::kInvalidArgument;
    case EAGAIN:
    case EBUSY:
    case ECONNREFUSED:
    case ECONNRESET:
    case ETIMEDOUT:
    case EIO: return absl::StatusCode::kUnavailable;
    default: return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status NotATimeId(std::string_view id) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "'%s' is no id: one has 26 characters of 0-9 and a-z without i, l, o, u", std::string(id)));
}

absl::Status ErrnoError(int error, std::string_view doing) {
  return absl::Status(CodeOf(error), absl::StrFormat("cannot %s: %s", std::string(doing),
                                                     std::generic_category().message(error)));
}

absl::Status FileTooLarge(std::string_view path, size_t size_max) {
  return absl::ResourceExhaustedError(
      absl::StrFormat("%s has more than %d bytes, the limit here", std::string(path), size_max));
}

absl::Status PoolFull(std::string_view name, int queue_count_max) {
  return absl::ResourceExhaustedError(
      absl::StrFormat("thread pool '%s' has %d functions waiting, its limit; try again later",
                      std::string(name), queue_count_max));
}

absl::Status PoolStopped(std::string_view name) {
  return absl::FailedPreconditionError(
      absl::StrFormat("thread pool '%s' has stopped", std::string(name)));
}

}  // namespace orch
