#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "expression/value.h"

namespace orch::expression {

// A key's hashCode.
int32_t JavaHash(const Value& value);

// Orders entries as java.util.HashMap iterates over them, had they been put in this order into a
// table asked to hold `capacity` (0: the default of 16).
void SortByJavaHash(std::vector<MapEntry>& entries, size_t capacity);

// The capacity a map literal of `count` entries asks for.
size_t LiteralCapacity(size_t count);

inline size_t SaturatingAdd(size_t a, size_t b) {
  return a > std::numeric_limits<size_t>::max() - b ? std::numeric_limits<size_t>::max() : a + b;
}

}  // namespace orch::expression
