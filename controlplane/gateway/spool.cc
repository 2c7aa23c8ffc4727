#include "controlplane/gateway/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/errors.h"

namespace orch::gateway {
namespace {

class SpoolSource final : public storage::ByteSource {
 public:
  SpoolSource(std::shared_ptr<const SpoolFile> owner, int fd) : owner_(std::move(owner)), fd_(fd) {}
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    while (true) {
      const ssize_t count = pread(fd_, buffer, size, at_);
      if (count >= 0) {
        at_ += count;
        return static_cast<size_t>(count);
      }
      if (errno != EINTR) return ErrnoError(errno, "read an upload back");
    }
  }

 private:
  std::shared_ptr<const SpoolFile> owner_;
  int fd_;
  off_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<SpoolFile>> SpoolFile::Open(const std::string& folder) {
  UniqueFd file(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid()) {  // A file system without nameless files: name it, and forget the name.
    std::string path = folder + "/upload.XXXXXX";
    file.Reset(mkostemp(path.data(), O_CLOEXEC));
    if (!file.valid()) return ErrnoError(errno, "make a file for an upload");
    unlink(path.c_str());
  }
  return std::shared_ptr<SpoolFile>(new SpoolFile(std::move(file)));
}

absl::Status SpoolFile::Write(std::string_view piece) {
  while (!piece.empty()) {
    const ssize_t count = write(file_.get(), piece.data(), piece.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoError(errno, "write an upload");
    }
    size_ += count;
    piece.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

std::unique_ptr<storage::ByteSource> SpoolFile::Read() const {
  return std::make_unique<SpoolSource>(shared_from_this(), file_.get());
}

}  // namespace orch::gateway
