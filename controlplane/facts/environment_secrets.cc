#include "controlplane/facts/environment_secrets.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace orch::facts {

namespace {
constexpr std::string_view kPrefix = "SECRET_";

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  return upper;
}
}  // namespace

EnvironmentSecrets::EnvironmentSecrets(const std::vector<std::string>& environment) {
  for (const std::string& line : environment) {
    const size_t equals = line.find('=');
    if (equals == std::string::npos || line.compare(0, kPrefix.size(), kPrefix) != 0) continue;
    std::string value = line.substr(equals + 1);
    std::erase_if(value, [](char c) { return c == '\n' || c == '\r'; });
    encoded_[Upper(line.substr(kPrefix.size(), equals - kPrefix.size()))] = std::move(value);
  }
}

absl::StatusOr<std::string> EnvironmentSecrets::Get(std::string_view name) const {
  const std::string upper = Upper(name);
  const auto found = encoded_.find(upper);
  if (found == encoded_.end()) {
    return absl::NotFoundError(absl::StrCat("Cannot find secret for key '", std::string(name),
                                            "'; set SECRET_", upper,
                                            " (base64) in the server's environment"));
  }
  std::string plain;
  if (!absl::Base64Unescape(found->second, &plain)) {
    return absl::InvalidArgumentError(
        absl::StrCat("SECRET_", upper, " is no base64; encode the secret's value"));
  }
  return plain;
}

}  // namespace orch::facts
