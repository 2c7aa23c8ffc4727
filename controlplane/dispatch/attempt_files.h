// AttemptFiles is where the files of attempts are: what FileService reads and writes.
//
// Threads     Thread-safe; calls may block on the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace orch::dispatch {

// Whose file it is. Comes from the lease, never from a message.
struct FileOwner {
  std::string tenant;
  std::string namespace_;
  std::string flow_id;
  std::string execution_id;
  std::string task_id;
  std::string task_run_id;
};

class AttemptFiles {
 public:
  class Writer {
   public:
    virtual ~Writer() = default;  // Without Finish nothing is visible.
    virtual absl::Status Append(std::string_view data) = 0;
    // Makes the file durable and visible; answers its URI.
    virtual absl::StatusOr<std::string> Finish() = 0;
  };
  class Reader {
   public:
    virtual ~Reader() = default;
    // At most `size` bytes, empty at the end.
    virtual absl::StatusOr<std::string> Read(size_t size) = 0;
  };

  virtual ~AttemptFiles() = default;
  //   kInvalidArgument  `name` is no single path segment.
  virtual absl::StatusOr<std::unique_ptr<Writer>> Create(const FileOwner& owner,
                                                         const std::string& name) = 0;
  //   kNotFound           there is no such file.
  //   kPermissionDenied   the owner's flow may not read it.
  virtual absl::StatusOr<std::unique_ptr<Reader>> Open(const FileOwner& owner,
                                                       const std::string& uri, int64_t offset) = 0;
};

}  // namespace orch::dispatch
