#include "secrets/sealer.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <memory>

#include "absl/strings/escaping.h"

namespace orch::secrets {
namespace {

constexpr size_t kNonceSize = 12;
constexpr size_t kTagSize = 16;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

absl::Status NotOurs() {
  return absl::InvalidArgumentError(
      "a sealed value cannot be opened: it was sealed under another key, or changed since");
}

}  // namespace

absl::StatusOr<AesSealer> AesSealer::FromKey(std::string_view key) {
  std::string bytes;
  if (!absl::Base64Unescape(absl::string_view(key.data(), key.size()), &bytes) ||
      bytes.size() != 32) {
    return absl::InvalidArgumentError(
        "ORCH_ENCRYPTION_SECRET_KEY must be the base64 text of 32 bytes, such as "
        "`openssl rand -base64 32` prints");
  }
  AesSealer sealer;
  std::copy(bytes.begin(), bytes.end(), sealer.key_.begin());
  return sealer;
}

absl::StatusOr<std::string> AesSealer::Seal(std::string_view plain, uint64_t seed) const {
  std::string drawn;
  for (int shift = 0; shift < 64; shift += 8) drawn.push_back(static_cast<char>(seed >> shift));
  drawn.append(plain);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  unsigned int digest_size = 0;
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), Bytes(drawn), drawn.size(),
           digest, &digest_size) == nullptr) {
    return absl::InternalError("the nonce of a sealed value could not be drawn");
  }

  std::string sealed(kNonceSize + plain.size() + kTagSize, '\0');
  std::copy(digest, digest + kNonceSize, Bytes(sealed));
  const CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0;
  int rest = 0;
  const bool done =
      context != nullptr &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), Bytes(sealed)) ==
          1 &&
      EVP_EncryptUpdate(context.get(), Bytes(sealed) + kNonceSize, &size, Bytes(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), Bytes(sealed) + kNonceSize + size, &rest) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagSize,
                          Bytes(sealed) + kNonceSize + plain.size()) == 1;
  if (!done) return absl::InternalError("a value could not be sealed");
  std::string text;
  absl::Base64Escape(sealed, &text);
  return text;
}

absl::StatusOr<std::string> AesSealer::Open(std::string_view text) const {
  std::string sealed;
  if (!absl::Base64Unescape(absl::string_view(text.data(), text.size()), &sealed) ||
      sealed.size() < kNonceSize + kTagSize) {
    return NotOurs();
  }
  const size_t plain_size = sealed.size() - kNonceSize - kTagSize;
  std::string plain(plain_size, '\0');
  const CipherContext context(EVP_CIPHER_CTX_new());
  int size = 0;
  int rest = 0;
  const bool done =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), Bytes(sealed)) ==
          1 &&
      EVP_DecryptUpdate(context.get(), Bytes(plain), &size, Bytes(sealed) + kNonceSize,
                        static_cast<int>(plain_size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagSize,
                          Bytes(sealed) + kNonceSize + plain_size) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Bytes(plain) + size, &rest) == 1;
  if (!done) return NotOurs();
  return plain;
}

}  // namespace orch::secrets
