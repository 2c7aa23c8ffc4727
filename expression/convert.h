#pragma once

#include "expression/property.h"
#include "expression/result.h"
#include "expression/value.h"

namespace orch::expression {

// A rendered value as `target`. Texts are read, texts of lists and maps as JSON; empty text is null
// for every target but String. Recursion follows the target type, not the data.
Result<Value> Convert(const Value& value, const TargetType& target);

// "PT1M30S", "P1D", or a number of seconds; nullopt for anything else.
std::optional<absl::Duration> ReadDuration(std::string_view text);

}  // namespace orch::expression
