#include "expression/crypto.h"

#include <openssl/evp.h>

#include <memory>

#include "base/status_macros.h"
#include "expression/errors.h"
#include "expression/text_tools.h"

namespace orch::expression {
namespace {

constexpr size_t kIvBytes = 12;
constexpr size_t kTagBytes = 16;

struct CipherFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, CipherFree>;

unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

absl::StatusOr<const EVP_CIPHER*> ReadKey(std::string_view text, std::string* key) {
  if (!FromBase64(text, key)) return BadKey("it is not base64");
  switch (key->size()) {
    case 16: return EVP_aes_128_gcm();
    case 24: return EVP_aes_192_gcm();
    case 32: return EVP_aes_256_gcm();
    default: return BadKey("it must have 16, 24 or 32 bytes");
  }
}

}  // namespace

std::string HexDigest(std::string_view algorithm, std::string_view text) {
  const EVP_MD* md = algorithm == "md5"      ? EVP_md5()
                     : algorithm == "sha1"   ? EVP_sha1()
                     : algorithm == "sha256" ? EVP_sha256()
                                             : EVP_sha512();
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, md, nullptr);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out.push_back(kHex[digest[i] >> 4]);
    out.push_back(kHex[digest[i] & 15]);
  }
  return out;
}

absl::StatusOr<std::string> EncryptText(std::string_view key_text, std::string_view plain,
                                        std::string_view iv) {
  std::string key;
  ORCH_ASSIGN_OR_RETURN(const EVP_CIPHER* cipher, ReadKey(key_text, &key));
  const Cipher context(EVP_CIPHER_CTX_new());
  std::string encrypted(plain.size() + kTagBytes, '\0');
  std::string tag(kTagBytes, '\0');
  int written = 0;
  int rest = 0;
  const bool done =
      EVP_EncryptInit_ex(context.get(), cipher, nullptr, Bytes(std::string_view(key)), Bytes(iv)) ==
          1 &&
      EVP_EncryptUpdate(context.get(), Bytes(encrypted), &written, Bytes(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), Bytes(encrypted) + written, &rest) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) == 1;
  if (!done) return absl::InternalError("AES-GCM could not encrypt");
  encrypted.resize(static_cast<size_t>(written + rest));
  return Base64(std::string(iv) + encrypted + tag);
}

absl::StatusOr<std::string> DecryptText(std::string_view key_text, std::string_view encrypted) {
  std::string key;
  ORCH_ASSIGN_OR_RETURN(const EVP_CIPHER* cipher, ReadKey(key_text, &key));
  std::string bytes;
  if (!FromBase64(encrypted, &bytes)) return BadCipherText("it is not base64");
  if (bytes.size() < kIvBytes + kTagBytes) return BadCipherText("it is too short");
  const size_t size = bytes.size() - kIvBytes - kTagBytes;
  const std::string_view iv = std::string_view(bytes).substr(0, kIvBytes);
  const std::string_view body = std::string_view(bytes).substr(kIvBytes, size);
  std::string tag = bytes.substr(kIvBytes + size);
  std::string plain(size + kTagBytes, '\0');
  const Cipher context(EVP_CIPHER_CTX_new());
  int written = 0;
  int rest = 0;
  const bool done =
      EVP_DecryptInit_ex(context.get(), cipher, nullptr, Bytes(std::string_view(key)), Bytes(iv)) ==
          1 &&
      EVP_DecryptUpdate(context.get(), Bytes(plain), &written, Bytes(body),
                        static_cast<int>(body.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Bytes(plain) + written, &rest) == 1;
  if (!done) return BadCipherText("the key is wrong or the text was changed");
  plain.resize(static_cast<size_t>(written + rest));
  return plain;
}

}  // namespace orch::expression
