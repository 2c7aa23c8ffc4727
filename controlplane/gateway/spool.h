// SpoolFile holds the bytes of an upload until its call is over.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "controlplane/storage/byte_source.h"

namespace orch::gateway {

// The file has no name, so nothing is left of it after a crash.
//
// Threads     Write from one thread; once it is written, Read from any.
class SpoolFile : public std::enable_shared_from_this<SpoolFile> {
 public:
  // In `folder`. Errors as ErrnoError.
  static absl::StatusOr<std::shared_ptr<SpoolFile>> Open(const std::string& folder);

  absl::Status Write(std::string_view piece);
  int64_t size() const { return size_; }
  // Reads it from the front; keeps it open.
  std::unique_ptr<storage::ByteSource> Read() const;

 private:
  explicit SpoolFile(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
  int64_t size_ = 0;
};

}  // namespace orch::gateway
