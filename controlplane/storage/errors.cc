#include "controlplane/storage/errors.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_format.h"

namespace orch::storage {

absl::Status NotAFileUri(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrFormat("'%s' is no address of a stored file: %s",
                                                    std::string(text.substr(0, 200)),
                                                    std::string(why)));
}

absl::Status NoSuchFile(std::string_view uri) {
  return absl::NotFoundError(absl::StrFormat("there is no file %s", std::string(uri)));
}

absl::Status FileTooLarge(std::string_view uri, int64_t size_max) {
  return absl::ResourceExhaustedError(
      absl::StrFormat("%s is larger than %d bytes", std::string(uri), size_max));
}

}  // namespace orch::storage
