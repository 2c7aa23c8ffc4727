// FileStore keeps the bytes of files under their addresses.
//
// A file is there whole or not at all, and never changes: putting it again replaces it.
//
// Threads     Thread-safe. Every call blocks: use it from pool threads.
// Durability  When Put has returned OK the file survives a power cut.
// Memory      A buffer for each call under way; files are streamed.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/storage/byte_source.h"
#include "controlplane/storage/file_uri.h"

namespace orch::storage {

struct FileInfo {
  int64_t size = 0;
  absl::Time modified_at;
};

struct StoredFile {
  int64_t size = 0;
  std::string sha256;  // Lower hex.
};

class FileStore {
 public:
  virtual ~FileStore() = default;

  // Stores what `source` gives. Until it returns OK nothing is visible.
  //   kResourceExhausted  larger than `size_max`, or no room on disk.    Errors of the source pass
  //   through.
  virtual absl::StatusOr<StoredFile> Put(
      const std::string& tenant, const FileUri& uri, ByteSource& source,
      int64_t size_max = std::numeric_limits<int64_t>::max()) = 0;

  // Opens a file from byte `offset` on; beyond its end it is empty. It can be read on when the file
  // is replaced or deleted meanwhile.
  //   kNotFound  there is none.
  virtual absl::StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& tenant,
                                                           const FileUri& uri,
                                                           int64_t offset = 0) = 0;
  //   kNotFound  there is none.
  virtual absl::StatusOr<FileInfo> Stat(const std::string& tenant, const FileUri& uri) = 0;

  // Removes a file; one that is gone is no error.
  virtual absl::Status Delete(const std::string& tenant, const FileUri& uri) = 0;
};

}  // namespace orch::storage
