#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "expression/value.h"

namespace orch::cli {

// The values of a context file: what JSON cannot say stands as a map of one `$` key.
//
//   {"$instant": ISO} {"$zonedDateTime": ISO} {"$localDateTime": ISO} {"$localDate": ISO} {"$date":
//   ISO}
//   {"$duration": ISO} {"$decimal": text} {"$bigint": text} {"$float": number} {"$long": number}
//   {"$uri": text} {"$set": list} {"$strings": list}
//
//   kInvalidArgument  a text does not say what its key promises, or no such key exists.
absl::StatusOr<expression::Value> FromTypedJson(const expression::Value& json);

// The class of a value: null, boolean, int, long, bigint, float, double, decimal, char, string,
// list, strings, set, map, entry, instant, zonedDateTime, localDateTime, localDate, date, duration,
// uri, enum.
std::string_view ClassOf(const expression::Value& value);

// A result as JSON that keeps nulls; durations are ISO texts.
std::string ResultJson(const expression::Value& value);

}  // namespace orch::cli
