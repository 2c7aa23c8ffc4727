#include "tests/load/copy_stream.h"

#include <string_view>

#include "base/status_macros.h"

namespace orch::load {
namespace {

constexpr std::string_view kSignature{"PGCOPY\n\377\r\n\0", 11};
constexpr int64_t kValueBytesMax = 64 * 1024 * 1024;

}  // namespace

absl::StatusOr<int64_t> CopyStream::Number(int byte_count) {
  uint64_t number = 0;
  for (int i = 0; i < byte_count; ++i) {
    const int byte = in_.get();
    if (byte == std::istream::traits_type::eof()) {
      return absl::InvalidArgumentError("the stream of rows was cut off; see what wrote it");
    }
    number = number << 8 | static_cast<uint64_t>(byte);
  }
  const int unused = 64 - 8 * byte_count;
  return static_cast<int64_t>(number << unused) >> unused;  // With its sign.
}

absl::StatusOr<std::optional<std::string>> CopyStream::Next() {
  if (!begun_) {
    std::string signature(kSignature.size(), '\0');
    in_.read(signature.data(), static_cast<std::streamsize>(signature.size()));
    if (signature != kSignature) return absl::InvalidArgumentError("this is no COPY in binary");
    ORCH_RETURN_IF_ERROR(Number(4).status());  // Flags.
    ORCH_ASSIGN_OR_RETURN(const int64_t extension, Number(4));
    in_.ignore(extension);
    begun_ = true;
  }
  ORCH_ASSIGN_OR_RETURN(const int64_t columns, Number(2));
  if (columns == -1) return std::nullopt;
  ORCH_ASSIGN_OR_RETURN(const int64_t size, Number(4));
  if (columns != 1 || size < 0 || size > kValueBytesMax) {
    return absl::InvalidArgumentError("a row is not one value");
  }
  std::string value(static_cast<size_t>(size), '\0');
  in_.read(value.data(), size);
  if (in_.gcount() != size) {
    return absl::InvalidArgumentError("the stream of rows was cut off; see what wrote it");
  }
  return value;
}

}  // namespace orch::load
