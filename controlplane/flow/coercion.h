// Coercion makes a value what an input or output of some type says it is, and checks it.
//
// What comes out is what the execution stores: plain JSON kinds. An INT is a 32-bit integer, a
// FLOAT the double nearest to its 32-bit text, dates and times are text, a DURATION is decimal
// seconds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/flow/flow.h"
#include "expression/value.h"

namespace orch::flow {

// How instants are written back.
enum class InstantStyle {
  kInput,   // 2024-05-01T08:00:00.000000Z
  kOutput,  // 2024-05-01T08:00:00Z
};

// `value` (not null) as `type`; a secret stays one.
//   kInvalidArgument  it is none; the text is the reason alone.
//   kUnimplemented    SECRET: nothing here can keep one.
absl::StatusOr<expression::Value> Coerce(const std::string& type, const std::string& item_type,
                                         const expression::Value& value, InstantStyle style);

// What is wrong with a coerced value by the rules of its input: pattern, bounds, choices. Empty
// when all is well. `choices` are those of SELECT, ENUM and MULTISELECT.
std::vector<std::string> Validate(const Input& input, const std::vector<std::string>& choices,
                                  const expression::Value& value);

}  // namespace orch::flow
