#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "controlplane/storage/file_store.h"

namespace orch::storage {

// LocalFileStore keeps files beneath one folder of this machine.
//
// Files are reached segment by segment from the root's descriptor; a link on the way is an error,
// not a way out.
class LocalFileStore final : public FileStore {
 public:
  // Makes the folder (mode 0700) if it is missing, and clears away what a crash left half written.
  // Errors as ErrnoError. One process at a time may use a folder.
  static absl::StatusOr<std::unique_ptr<LocalFileStore>> Open(const std::string& root);

  absl::StatusOr<StoredFile> Put(const std::string& tenant, const FileUri& uri, ByteSource& source,
                                 int64_t size_max) override;
  absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& tenant, const FileUri& uri,
                                                   int64_t offset) override;
  absl::StatusOr<FileInfo> Stat(const std::string& tenant, const FileUri& uri) override;
  absl::Status Delete(const std::string& tenant, const FileUri& uri) override;

 private:
  LocalFileStore(UniqueFd root, UniqueFd fresh)
      : root_(std::move(root)), fresh_(std::move(fresh)) {}

  enum class Missing { kFail, kMake };
  // The folder that holds the file of `uri`.
  absl::StatusOr<UniqueFd> OpenFolder(const std::string& tenant, const FileUri& uri,
                                      Missing missing) const;
  absl::StatusOr<UniqueFd> OpenFile(const std::string& tenant, const FileUri& uri) const;

  UniqueFd root_;
  UniqueFd fresh_;  // <root>/.new
  std::atomic<uint64_t> next_name_{0};
};

}  // namespace orch::storage
