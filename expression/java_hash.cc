#include "expression/java_hash.h"

#include <algorithm>
#include <bit>
#include <string>

#include "expression/utf16.h"

namespace orch::expression {
namespace {

int32_t HashOfUnits(std::u16string_view units) {
  uint32_t hash = 0;
  for (const char16_t unit : units) hash = hash * 31 + unit;
  return static_cast<int32_t>(hash);
}

int32_t FoldLong(uint64_t bits) {
  return static_cast<int32_t>(static_cast<uint32_t>(bits ^ (bits >> 32)));
}

}  // namespace

int32_t JavaHash(const Value& value) {
  switch (value.kind()) {
    case Kind::kBool: return value.AsBool() ? 1231 : 1237;
    case Kind::kI32: return static_cast<int32_t>(value.AsInt());
    case Kind::kI64: return FoldLong(static_cast<uint64_t>(value.AsInt()));
    case Kind::kF32: return std::bit_cast<int32_t>(static_cast<float>(value.AsDouble()));
    case Kind::kF64: return FoldLong(std::bit_cast<uint64_t>(value.AsDouble()));
    case Kind::kChar: return value.AsChar();
    case Kind::kString:
    case Kind::kUri:
    case Kind::kEnum: return HashOfUnits(ToUtf16(value.AsString()));
    case Kind::kList: {
      uint32_t hash = 1;
      for (const Value& item : value.items()) {
        hash = hash * 31 + static_cast<uint32_t>(JavaHash(item));
      }
      return static_cast<int32_t>(hash);
    }
    default: return 0;
  }
}

void SortByJavaHash(std::vector<MapEntry>& entries, size_t capacity) {
  size_t table = 16;
  if (capacity > 0) {
    table = std::bit_ceil(capacity);
  }
  while (entries.size() * 4 > table * 3) table *= 2;
  const auto bucket = [table](const MapEntry& entry) {
    const uint32_t hash = static_cast<uint32_t>(JavaHash(entry.key));
    return (hash ^ (hash >> 16)) & static_cast<uint32_t>(table - 1);
  };
  std::vector<std::pair<uint32_t, MapEntry>> keyed;
  keyed.reserve(entries.size());
  for (MapEntry& entry : entries) {
    const uint32_t at = bucket(entry);
    keyed.emplace_back(at, std::move(entry));
  }
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < keyed.size(); ++i) entries[i] = std::move(keyed[i].second);
}

size_t LiteralCapacity(size_t count) { return std::max<size_t>(1, (count * 4 + 2) / 3); }

}  // namespace orch::expression
