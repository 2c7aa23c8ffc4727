// AesSealer seals secret values for storage, and opens them again.
//
// AES-256-GCM; a sealed text is base64(12-byte nonce ‖ ciphertext ‖ 16-byte tag). The nonce is drawn from
// the key, the seed and the value, so that sealing is a function, and two different values never share
// one nonce.
//
// Threads     Immutable; safe from many at once.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace orch::secrets {

class AesSealer {
 public:
  // `key` is ORCH_ENCRYPTION_SECRET_KEY: the base64 text of 32 bytes.
  //   kInvalidArgument  it is not.
  static absl::StatusOr<AesSealer> FromKey(std::string_view key);

  //   kInternal  the library refused.
  absl::StatusOr<std::string> Seal(std::string_view plain, uint64_t seed) const;

  //   kInvalidArgument  nothing that Seal made under this key, or somebody changed it.
  absl::StatusOr<std::string> Open(std::string_view sealed) const;

 private:
  AesSealer() = default;
  std::array<uint8_t, 32> key_{};
};

}  // namespace orch::secrets
