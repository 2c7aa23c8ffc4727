#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "expression/value.h"

namespace orch::expression {

struct JsonLimits {
  size_t bytes_max = 64 * 1024 * 1024;
  int depth_max = 64;
  size_t node_count_max = 4'000'000;
};

// Reads one JSON text. Integers keep all their digits (i32, i64 or bigint), numbers with a point or
// an exponent become f64, members keep their order. Recursion ends at
// `depth_max`.
//   kInvalidArgument    no JSON, bad UTF-8, a key that comes twice, or text after the value.
//   kResourceExhausted  beyond a limit.
absl::StatusOr<Value> ParseJson(std::string_view text, const JsonLimits& limits = {});

// Reads the first JSON value of a text and ignores what follows; `*end` is where it stopped.
absl::StatusOr<Value> ParseJsonPrefix(std::string_view text, size_t* end,
                                      const JsonLimits& limits = {});

enum class NullPolicy {
  kDropMapNulls,  // As the language prints: an entry of a map that is null is left out.
  kKeep,
};

// Writes compact JSON, deterministic: members in the map's order, keys of any kind as text. Dates
// are ISO texts, durations decimal seconds, a marker is its text. A view is written as `{}`:
// materialise it first.
std::string ToJson(const Value& value, NullPolicy nulls = NullPolicy::kDropMapNulls);

}  // namespace orch::expression
