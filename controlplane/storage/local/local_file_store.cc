#include "controlplane/storage/local/local_file_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "base/status_macros.h"
#include "controlplane/storage/errors.h"

namespace orch::storage {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr size_t kBufferBytes = 256 * 1024;

class FileSource final : public ByteSource {
 public:
  FileSource(UniqueFd file, int64_t offset) : file_(std::move(file)), offset_(offset) {}

  absl::StatusOr<size_t> Read(char* buffer, size_t size) override {
    while (true) {
      const ssize_t count = pread(file_.get(), buffer, size, offset_);
      if (count >= 0) {
        offset_ += count;
        return static_cast<size_t>(count);
      }
      if (errno != EINTR) return ErrnoError(errno, "read a stored file");
    }
  }

 private:
  UniqueFd file_;
  off_t offset_;
};

absl::Status WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t count = write(fd, data, size);
    if (count < 0) {
      if (errno == EINTR) continue;
      return ErrnoError(errno, "write a stored file");
    }
    data += count;
    size -= static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

// Opens one folder below another, making it (durably) when `make`.
absl::StatusOr<UniqueFd> Below(int parent, const std::string& name, bool make) {
  UniqueFd fd(openat(parent, name.c_str(), kFolderFlags));
  if (!fd.valid() && errno == ENOENT && make) {
    if (mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoError(errno, "make a folder of the file store");
    }
    if (fsync(parent) != 0) return ErrnoError(errno, "flush a folder of the file store");
    fd.Reset(openat(parent, name.c_str(), kFolderFlags));
  }
  if (!fd.valid()) return ErrnoError(errno, "open a folder of the file store");
  return fd;
}

bool MeansMissing(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

}  // namespace

absl::StatusOr<std::unique_ptr<LocalFileStore>> LocalFileStore::Open(const std::string& root) {
  if (mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) return ErrnoError(errno, "make " + root);
  UniqueFd top(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top.valid()) return ErrnoError(errno, "open " + root);
  ORCH_ASSIGN_OR_RETURN(UniqueFd fresh, Below(top.get(), ".new", /*make=*/true));
  UniqueFd listed(openat(top.get(), ".new", kFolderFlags));
  if (DIR* const left = fdopendir(listed.Release())) {
    while (const dirent* entry = readdir(left)) {
      if (entry->d_name[0] != '.') unlinkat(fresh.get(), entry->d_name, 0);
    }
    closedir(left);
  }
  return std::unique_ptr<LocalFileStore>(new LocalFileStore(std::move(top), std::move(fresh)));
}

absl::StatusOr<UniqueFd> LocalFileStore::OpenFolder(const std::string& tenant, const FileUri& uri,
                                                    Missing missing) const {
  const bool make = missing == Missing::kMake;
  ORCH_ASSIGN_OR_RETURN(UniqueFd folder, Below(root_.get(), Slug(tenant), make));
  for (size_t i = 0; i + 1 < uri.segments().size(); ++i) {
    ORCH_ASSIGN_OR_RETURN(folder, Below(folder.get(), uri.segments()[i], make));
  }
  return folder;
}

absl::StatusOr<UniqueFd> LocalFileStore::OpenFile(const std::string& tenant,
                                                  const FileUri& uri) const {
  const auto folder = OpenFolder(tenant, uri, Missing::kFail);
  if (absl::IsNotFound(folder.status()) || absl::IsFailedPrecondition(folder.status())) {
    return NoSuchFile(uri.ToString());
  }
  if (!folder.ok()) return folder.status();
  UniqueFd file(openat(folder->get(), uri.segments().back().c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) {
    if (MeansMissing(errno)) return NoSuchFile(uri.ToString());
    return ErrnoError(errno, "open a stored file");
  }
  struct stat info;
  if (fstat(file.get(), &info) != 0) return ErrnoError(errno, "look at a stored file");
  if (!S_ISREG(info.st_mode)) return NoSuchFile(uri.ToString());
  return file;
}

absl::StatusOr<StoredFile> LocalFileStore::Put(const std::string& tenant, const FileUri& uri,
                                               ByteSource& source, int64_t size_max) {
  const std::string name = absl::StrFormat("%d-%d", getpid(), next_name_.fetch_add(1));
  UniqueFd file(openat(fresh_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return ErrnoError(errno, "make a stored file");
  StoredFile stored;
  const auto fill = [&]() -> absl::Status {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> digest(EVP_MD_CTX_new(),
                                                                         EVP_MD_CTX_free);
    if (EVP_DigestInit_ex(digest.get(), EVP_sha256(), nullptr) != 1) {
      return absl::InternalError("sha256 is not to be had");
    }
    std::vector<char> buffer(kBufferBytes);
    while (true) {
      ORCH_ASSIGN_OR_RETURN(const size_t count, source.Read(buffer.data(), buffer.size()));
      if (count == 0) break;
      if (static_cast<int64_t>(count) > size_max - stored.size) {
        return FileTooLarge(uri.ToString(), size_max);
      }
      ORCH_RETURN_IF_ERROR(WriteAll(file.get(), buffer.data(), count));
      EVP_DigestUpdate(digest.get(), buffer.data(), count);
      stored.size += static_cast<int64_t>(count);
    }
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int sum_size = 0;
    EVP_DigestFinal_ex(digest.get(), sum, &sum_size);
    stored.sha256 =
        absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(sum), sum_size));
    if (fsync(file.get()) != 0) return ErrnoError(errno, "flush a stored file");
    ORCH_ASSIGN_OR_RETURN(const UniqueFd folder, OpenFolder(tenant, uri, Missing::kMake));
    if (renameat(fresh_.get(), name.c_str(), folder.get(), uri.segments().back().c_str()) != 0) {
      return ErrnoError(errno, "put a stored file into its place");
    }
    if (fsync(folder.get()) != 0) return ErrnoError(errno, "flush a folder of the file store");
    return absl::OkStatus();
  };
  if (absl::Status status = fill(); !status.ok()) {
    unlinkat(fresh_.get(), name.c_str(), 0);
    return status;
  }
  return stored;
}

absl::StatusOr<std::unique_ptr<ByteSource>> LocalFileStore::Open(const std::string& tenant,
                                                                 const FileUri& uri,
                                                                 int64_t offset) {
  ORCH_ASSIGN_OR_RETURN(UniqueFd file, OpenFile(tenant, uri));
  return std::make_unique<FileSource>(std::move(file), offset < 0 ? 0 : offset);
}

absl::StatusOr<FileInfo> LocalFileStore::Stat(const std::string& tenant, const FileUri& uri) {
  ORCH_ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(tenant, uri));
  struct stat info;
  if (fstat(file.get(), &info) != 0) return ErrnoError(errno, "look at a stored file");
  return FileInfo{.size = info.st_size, .modified_at = absl::TimeFromTimespec(info.st_mtim)};
}

absl::Status LocalFileStore::Delete(const std::string& tenant, const FileUri& uri) {
  const auto folder = OpenFolder(tenant, uri, Missing::kFail);
  if (absl::IsNotFound(folder.status())) return absl::OkStatus();
  if (!folder.ok()) return folder.status();
  if (unlinkat(folder->get(), uri.segments().back().c_str(), 0) != 0 && errno != ENOENT) {
    return ErrnoError(errno, "remove a stored file");
  }
  return absl::OkStatus();
}

}  // namespace orch::storage
