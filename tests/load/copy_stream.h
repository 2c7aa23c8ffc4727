// CopyStream reads the one column of a table as PostgreSQL's COPY (FORMAT binary) writes it.
//
// Memory      One value at a time.
#pragma once

#include <istream>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace orch::load {

class CopyStream {
 public:
  // `in` must outlive it.
  explicit CopyStream(std::istream& in) : in_(in) {}

  // The next value; nothing after the last one.
  //   kInvalidArgument  it is no such stream, or was cut off.
  absl::StatusOr<std::optional<std::string>> Next();

 private:
  absl::StatusOr<int64_t> Number(int byte_count);

  std::istream& in_;
  bool begun_ = false;
};

}  // namespace orch::load
