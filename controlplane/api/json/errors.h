// The errors of the codec. Each names the place in the JSON that it is about.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace orch::api::json {

// kInvalidArgument: the text is no JSON; `what` says why, `offset` where.
absl::Status NotJson(std::string_view what, size_t offset);

// kResourceExhausted: the text exceeds a budget.
absl::Status TooMuchJson(std::string_view what, size_t limit);

// kInvalidArgument: a value does not fit the field at `path`.
absl::Status WrongValue(std::string_view path, std::string_view wanted, std::string_view given);

// The place that a WrongValue is about; "" when there is none.
std::string PathOf(const absl::Status& status);

// An error about the field at `path`: kInvalidArgument with the path attached.
absl::Status FieldError(std::string_view path, std::string_view message);

}  // namespace orch::api::json
