// Multipart takes a multipart/form-data body apart as it arrives.
//
// Threads     Not thread-safe.
// Memory      A part's head (8 KiB at most) and, between pieces, the length of a boundary.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace orch::gateway {

// The boundary of a Content-Type.
//   kInvalidArgument  (400) there is none, or it is no boundary.
absl::StatusOr<std::string> BoundaryOf(std::string_view content_type);

class Multipart {
 public:
  struct PartHead {
    std::string name;
    std::string file_name;
    bool has_file_name = false;
    std::string content_type;
  };
  // Called in the order of the body. An error of theirs ends the reading and is passed on.
  struct Listener {
    std::function<absl::Status(const PartHead&)> begin;
    std::function<absl::Status(std::string_view)> data;
    std::function<absl::Status()> end;
  };
  Multipart(std::string boundary, Listener listener, int part_count_max = 1'000);

  //   kInvalidArgument  (400) it is no multipart body. Errors of the listener.
  absl::Status Take(std::string_view piece);
  // The body has ended.
  //   kInvalidArgument  (400) too early.
  absl::Status Finish();

 private:
  enum class At { kPreamble, kAfterBoundary, kHead, kData, kEnd };
  absl::Status Step(bool* more);
  absl::StatusOr<PartHead> ParseHead(std::string_view head) const;

  const std::string delimiter_;  // CR LF -- boundary
  Listener listener_;
  int parts_left_;
  At at_ = At::kPreamble;
  std::string buffer_;
};

}  // namespace orch::gateway
