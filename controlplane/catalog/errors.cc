#include "controlplane/catalog/errors.h"

#include <string>

#include "absl/strings/str_format.h"

namespace orch::catalog {

absl::Status NoSuchFlow(std::string_view namespace_, std::string_view id) {
  return absl::NotFoundError(
      absl::StrFormat("there is no flow %s.%s", std::string(namespace_), std::string(id)));
}

absl::Status NoSuchRevision(std::string_view namespace_, std::string_view id, int revision) {
  return absl::NotFoundError(absl::StrFormat("the flow %s.%s has no revision %d",
                                             std::string(namespace_), std::string(id), revision));
}

absl::Status NoSuchKey(std::string_view namespace_, std::string_view key) {
  return absl::NotFoundError(absl::StrFormat("there is no key `%s` in the namespace `%s`",
                                             std::string(key), std::string(namespace_)));
}

absl::Status ValueExpired(std::string_view key) {
  return absl::NotFoundError(
      absl::StrFormat("The requested value has expired: `%s`; set it again", std::string(key)));
}

absl::Status FlowExists(std::string_view namespace_, std::string_view id) {
  return absl::AlreadyExistsError(
      absl::StrFormat("flow id already exists: %s.%s; update it instead", std::string(namespace_),
                      std::string(id)));
}

absl::Status KeyExists(std::string_view key) {
  return absl::AlreadyExistsError(
      absl::StrFormat("the key `%s` already exists; allow it to be overwritten or choose another",
                      std::string(key)));
}

absl::Status IllegalIdUpdate(std::string_view wanted, std::string_view given) {
  return absl::InvalidArgumentError(
      absl::StrFormat("Illegal flow id update: the flow is `%s`, the source says `%s`; create a "
                      "new flow to rename one",
                      std::string(wanted), std::string(given)));
}

absl::Status IllegalNamespaceUpdate(std::string_view wanted, std::string_view given) {
  return absl::InvalidArgumentError(
      absl::StrFormat("Illegal namespace update: the flow is in `%s`, the source says `%s`; create "
                      "a new flow to move one",
                      std::string(wanted), std::string(given)));
}

absl::Status BadKey(std::string_view key) {
  return absl::InvalidArgumentError(
      absl::StrFormat("`%s` is no key; it begins with a letter or digit and holds letters, digits, "
                      "`.`, `_` and `-`",
                      std::string(key.substr(0, 100))));
}

absl::Status BadKvValue(std::string_view type, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrFormat("the value is no %s: %s", std::string(type), std::string(why)));
}

absl::Status Contended(std::string_view what) {
  return absl::AbortedError(absl::StrFormat(
      "%s was changed by others again and again; read it anew, then try again", std::string(what)));
}

}  // namespace orch::catalog
