#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace orch::expression {

// The digest of `text` in lower-case hex; `algorithm` is md5, sha1, sha256 or sha512.
std::string HexDigest(std::string_view algorithm, std::string_view text);

// AES-GCM: base64(initialisation vector of 12 bytes + cipher text + tag of 16 bytes), under the
// base64 of a key of 16, 24 or 32 bytes.
//   kInvalidArgument  the key, or the text to decrypt, is of no use.
absl::StatusOr<std::string> EncryptText(std::string_view key, std::string_view plain,
                                        std::string_view iv);
absl::StatusOr<std::string> DecryptText(std::string_view key, std::string_view encrypted);

}  // namespace orch::expression
