#include "expression/errors.h"

#include "absl/strings/str_format.h"

namespace orch::expression {

absl::Status NotJson(size_t at, std::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrFormat("Invalid json at character %d: %s", at, std::string(fault)));
}

absl::Status JsonDuplicateKey(std::string_view key) {
  return absl::InvalidArgumentError(
      absl::StrFormat("Invalid json: the key '%s' comes twice", std::string(key)));
}

absl::Status JsonTooLarge(std::string_view what) {
  return absl::ResourceExhaustedError(
      absl::StrFormat("Invalid json: too many %s", std::string(what)));
}

absl::Status NotYaml(int line, std::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrFormat("Invalid yaml at line %d: %s", line, std::string(fault)));
}

absl::Status NotIon(size_t at, std::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrFormat("Invalid ion at character %d: %s", at, std::string(fault)));
}

absl::Status BadPattern(std::string_view pattern, std::string_view fault) {
  return absl::InvalidArgumentError(absl::StrFormat("Invalid regular expression '%s': %s",
                                                    std::string(pattern), std::string(fault)));
}

absl::Status BadReplacement(std::string_view replacement, std::string_view fault) {
  return absl::InvalidArgumentError(absl::StrFormat("Invalid replacement '%s': %s",
                                                    std::string(replacement), std::string(fault)));
}

absl::Status RegexTooCostly(std::string_view pattern) {
  return absl::ResourceExhaustedError(absl::StrFormat(
      "The regular expression '%s' takes too many steps; write it without nested repetition",
      std::string(pattern)));
}

absl::Status BadDate(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "Text '%s' could not be parsed as a date; name its pattern with existingFormat",
      std::string(text)));
}

absl::Status BadDatePattern(std::string_view pattern, std::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrFormat("Invalid date pattern '%s': %s", std::string(pattern), std::string(fault)));
}

absl::Status BadKey(std::string_view fault) {
  return absl::InvalidArgumentError(absl::StrFormat("Invalid key: %s", std::string(fault)));
}

absl::Status BadCipherText(std::string_view fault) {
  return absl::InvalidArgumentError(
      absl::StrFormat("The text cannot be decrypted: %s", std::string(fault)));
}

}  // namespace orch::expression
