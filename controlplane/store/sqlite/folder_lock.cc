#include "controlplane/store/sqlite/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_format.h"
#include "base/errors.h"

namespace orch::store::sqlite {

absl::StatusOr<FolderLock> FolderLock::Take(const std::string& folder, absl::Time now) {
  const std::string path = folder + "/orch.lock";
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoError(errno, "open " + path);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoError(errno, "lock " + path);
    char holder[200] = {};
    const ssize_t size = ::pread(file.get(), holder, sizeof(holder) - 1, 0);
    std::string name(holder, size > 0 ? static_cast<size_t>(size) : 0);
    while (!name.empty() && name.back() == '\n') name.pop_back();
    return absl::FailedPreconditionError(
        absl::StrFormat("the folder %s is held by %s; stop it, or name another folder", folder,
                        name.empty() ? "another process" : name));
  }
  const std::string holder =
      absl::StrFormat("process %d since %s\n", ::getpid(),
                      absl::FormatTime(absl::RFC3339_sec, now, absl::UTCTimeZone()));
  if (::ftruncate(file.get(), 0) != 0 || ::pwrite(file.get(), holder.data(), holder.size(), 0) !=
                                             static_cast<ssize_t>(holder.size())) {
    return ErrnoError(errno, "write " + path);
  }
  return FolderLock(std::move(file));
}

}  // namespace orch::store::sqlite
