// The errors of storage.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace orch::storage {

// kInvalidArgument: the text is no address of a stored file.
absl::Status NotAFileUri(std::string_view text, std::string_view why);
// kNotFound: there is no such file.
absl::Status NoSuchFile(std::string_view uri);
// kResourceExhausted: the file is larger than it may be.
absl::Status FileTooLarge(std::string_view uri, int64_t size_max);

}  // namespace orch::storage
