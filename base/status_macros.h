// Macros that pass an error on untouched: read, check, keep.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the function when the absl::Status is not OK.
//   ORCH_RETURN_IF_ERROR(CheckReferences(flow));
#define ORCH_RETURN_IF_ERROR(...)                                                           \
  do {                                                                                      \
    if (absl::Status orch_status_ = (__VA_ARGS__); !orch_status_.ok()) return orch_status_; \
  } while (false)

// Gives the value of an absl::StatusOr a name, or returns its error. The name may be declared here
// or stand before; a type with a comma in it needs an alias. Two statements: use it inside braces.
//   ORCH_ASSIGN_OR_RETURN(const Flow flow, ReadFlow(yaml));
#define ORCH_ASSIGN_OR_RETURN(declaration, ...) \
  ORCH_ASSIGN_OR_RETURN_NAMED_(ORCH_JOIN_(orch_status_or_, __LINE__), declaration, __VA_ARGS__)

#define ORCH_ASSIGN_OR_RETURN_NAMED_(result, declaration, ...) \
  auto result = (__VA_ARGS__);                                 \
  if (!result.ok()) return std::move(result).status();         \
  declaration = *std::move(result)

#define ORCH_JOIN_(left, right) ORCH_JOIN_AGAIN_(left, right)
#define ORCH_JOIN_AGAIN_(left, right) left##right
