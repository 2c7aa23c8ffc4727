// StoredFiles serves dispatch's files of attempts from the file store.
//
// Threads     Thread-safe; blocks on the disk.
#pragma once

#include <memory>
#include <string>

#include "controlplane/dispatch/attempt_files.h"
#include "controlplane/storage/file_store.h"

namespace orch::server {

class StoredFiles final : public dispatch::AttemptFiles {
 public:
  // Bytes on their way are gathered beneath `scratch`, a folder of this process.
  StoredFiles(storage::FileStore& files, std::string scratch)
      : files_(files), scratch_(std::move(scratch)) {}

  absl::StatusOr<std::unique_ptr<Writer>> Create(const dispatch::FileOwner& owner,
                                                 const std::string& name) override;
  absl::StatusOr<std::unique_ptr<Reader>> Open(const dispatch::FileOwner& owner,
                                               const std::string& uri, int64_t offset) override;

 private:
  storage::FileStore& files_;
  const std::string scratch_;
};

}  // namespace orch::server
