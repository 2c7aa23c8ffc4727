// The errors that store/ gives birth to.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace orch::store {

// kNotFound: there is no such execution, or no longer.
absl::Status NoSuchExecution(std::string_view execution_id);

// kDataLoss: a stored row cannot be decoded; `what` names it.
absl::Status BadRow(std::string_view what);

// kAborted: an expectation of SharedRows does not hold; `what` names the row.
absl::Status ExpectationFailed(std::string_view what);

// kInvalidArgument: a page or cursor that cannot be served.
absl::Status BadPage(std::string_view why);

// kInvalidArgument: executions cannot be counted in steps of nothing.
absl::Status BadStep();

// kAlreadyExists: another process that lives goes by this name.
absl::Status OwnerLives(std::string_view owner);

// kInvalidArgument: a batch without claims, or with claims out of order.
absl::Status BadClaims(std::string_view batch);

}  // namespace orch::store
