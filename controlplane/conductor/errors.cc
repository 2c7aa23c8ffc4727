#include "controlplane/conductor/errors.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace orch::conductor {

absl::Status NotReady() {
  return absl::UnavailableError(
      "this server is taking over its executions; make the same call again in a second");
}

absl::Status TookOver() {
  return absl::UnavailableError(
      "another server has taken over this execution; make the same call again");
}

absl::Status NotStored() {
  return absl::UnavailableError(
      "the change could not be stored and nothing was kept; make the same call again");
}

absl::Status NoRoom() {
  return absl::ResourceExhaustedError(
      "the store takes no changes now (disk full, read-only or out of reach); free room or restore "
      "the connection, then make the same call again");
}

absl::Status TooBusy(int64_t work_count_max) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "more than ", work_count_max, " events wait to be decided; make the same call again later"));
}

absl::Status Stopping() {
  return absl::UnavailableError("this server is stopping; make the same call to another one");
}

absl::Status NoExecution(std::string_view id) {
  return absl::NotFoundError(
      absl::StrCat("there is no execution '", std::string(id), "'; list them to find its id"));
}

absl::Status AlreadyEnded(std::string_view id, std::string_view state) {
  return absl::FailedPreconditionError(
      absl::StrCat("execution '", std::string(id), "' has already finished as ", std::string(state),
                   "; there is nothing to kill"));
}

absl::Status Quarantined(std::string_view id) {
  return absl::FailedPreconditionError(absl::StrCat(
      "execution '", std::string(id),
      "' is quarantined because its rows cannot be read or stored; see the server's log"));
}

absl::Status KeyConflict(std::string_view key) {
  return absl::AlreadyExistsError(
      absl::StrCat("the idempotency key '", std::string(key),
                   "' was used for another request; use a new key for a new start"));
}

absl::Status FlowDisabled(std::string_view namespace_, std::string_view id) {
  return absl::FailedPreconditionError(absl::StrCat("flow '", std::string(namespace_), ".",
                                                    std::string(id),
                                                    "' is disabled; enable it before starting it"));
}

}  // namespace orch::conductor
