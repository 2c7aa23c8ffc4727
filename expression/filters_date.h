#pragma once

#include "expression/evaluator.h"
#include "expression/result.h"
#include "expression/time_zone.h"

namespace orch::expression {

// The zone that an argument names, else that of the context.
Result<Zone> ZoneOf(const Value* argument, Evaluator& evaluator);
// The moment a value stands for, read in `zone`.
Result<absl::Time> MomentOf(const Value& value, const Zone& zone, const Value* existing_format);
// A moment by the `format` and `locale` arguments.
Result<Value> Formatted(absl::Time time, const Zone& zone, const Value* format,
                        const Value* locale);

}  // namespace orch::expression
