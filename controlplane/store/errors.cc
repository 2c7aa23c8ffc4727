#include "controlplane/store/errors.h"

#include "absl/strings/str_format.h"

namespace orch::store {

absl::Status NoSuchExecution(std::string_view execution_id) {
  return absl::NotFoundError(
      absl::StrFormat("there is no execution '%s'", std::string(execution_id)));
}

absl::Status BadRow(std::string_view what) {
  return absl::DataLossError(absl::StrFormat(
      "%s cannot be decoded; restore it from a backup, or delete it", std::string(what)));
}

absl::Status ExpectationFailed(std::string_view what) {
  return absl::AbortedError(
      absl::StrFormat("%s was changed by someone else; read it again", std::string(what)));
}

absl::Status BadPage(std::string_view why) {
  return absl::InvalidArgumentError(absl::StrFormat("no such page: %s", std::string(why)));
}

absl::Status BadStep() {
  return absl::InvalidArgumentError("a step must be a microsecond or more");
}

absl::Status OwnerLives(std::string_view owner) {
  return absl::AlreadyExistsError(absl::StrFormat(
      "another process that lives goes by the name '%s'; draw a new one", std::string(owner)));
}

absl::Status BadClaims(std::string_view batch) {
  return absl::InvalidArgumentError(absl::StrFormat(
      "batch '%s' must claim at least one shard, each once, in order of id", std::string(batch)));
}

}  // namespace orch::store
