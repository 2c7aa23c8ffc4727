#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/errors.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace orch {
namespace {

absl::Status WriteAll(int fd, std::string_view contents, const std::string& path) {
  while (!contents.empty()) {
    const ssize_t count = write(fd, contents.data(), contents.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoError(errno, "write " + path);
    }
    contents.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

// A name that was written to a folder is only safe once the folder itself is.
absl::Status FlushFolderOf(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, "open " + folder);
  if (fsync(fd.get()) != 0) return ErrnoError(errno, "flush " + folder);
  return absl::OkStatus();
}

absl::Status FillAndRename(UniqueFd fd, const std::string& fresh, const std::string& path,
                           std::string_view contents, mode_t mode) {
  ORCH_RETURN_IF_ERROR(WriteAll(fd.get(), contents, fresh));
  if (fchmod(fd.get(), mode) != 0) return ErrnoError(errno, "set the mode of " + fresh);
  if (fsync(fd.get()) != 0) return ErrnoError(errno, "flush " + fresh);
  if (close(fd.Release()) != 0) return ErrnoError(errno, "close " + fresh);
  if (rename(fresh.c_str(), path.c_str()) != 0) return ErrnoError(errno, "rename to " + path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t size_max) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, "open " + path);
  struct stat info{};
  if (fstat(fd.get(), &info) != 0) return ErrnoError(errno, "look at " + path);

  // The size is a hint alone: files in /proc say 0, and others may grow meanwhile.
  std::string contents;
  size_t size = 0;
  size_t room = static_cast<size_t>(std::max<off_t>(info.st_size, 0)) + 1;
  while (true) {
    contents.resize(std::min(size + room, size_max + 1));
    const ssize_t count = read(fd.get(), contents.data() + size, contents.size() - size);
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoError(errno, "read " + path);
    }
    if (count == 0) break;
    size += static_cast<size_t>(count);
    if (size > size_max) return FileTooLarge(path, size_max);
    room = std::max<size_t>(room, 4096);
  }
  contents.resize(size);
  return contents;
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view contents, mode_t mode) {
  std::string fresh = path + ".XXXXXX.new";
  UniqueFd fd(mkostemps(fresh.data(), 4, O_CLOEXEC));
  if (!fd.valid()) return ErrnoError(errno, "make a file beside " + path);
  if (absl::Status status = FillAndRename(std::move(fd), fresh, path, contents, mode);
      !status.ok()) {
    unlink(fresh.c_str());
    return status;
  }
  return FlushFolderOf(path);
}

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoError(errno, "remove " + path);
  return absl::OkStatus();
}

}  // namespace orch
