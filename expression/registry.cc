#include "expression/registry.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"

namespace orch::expression {
namespace {

template <typename Spec>
using Index = absl::flat_hash_map<absl::string_view, const Spec*>;

template <typename Spec>
Index<Spec> IndexOf(std::initializer_list<std::span<const Spec>> tables) {
  Index<Spec> index;
  for (const auto& table : tables) {
    for (const Spec& spec : table)
      index[absl::string_view(spec.name.data(), spec.name.size())] = &spec;
  }
  return index;
}

template <typename Spec>
const Spec* Look(const Index<Spec>& index, std::string_view name) {
  const auto found = index.find(absl::string_view(name.data(), name.size()));
  return found == index.end() ? nullptr : found->second;
}

}  // namespace

const FilterSpec* FindFilter(std::string_view name) {
  static const auto* const index = new auto(IndexOf<FilterSpec>(
      {TextFilters(), NumberFilters(), CollectionFilters(), DataFilters(), DateFilters()}));
  return Look(*index, name);
}

const FunctionSpec* FindFunction(std::string_view name) {
  static const auto* const index = new auto(IndexOf<FunctionSpec>(
      {CoreFunctions(), DataFunctions(), FactFunctions(), FlowFunctions(), CalendarFunctions()}));
  return Look(*index, name);
}

const TestSpec* FindTest(std::string_view name) {
  static const auto* const index = new auto(IndexOf<TestSpec>({Tests()}));
  return Look(*index, name);
}

bool IsUnbuiltFunction(std::string_view name) {
  return name == "isPublicHoliday" || name == "appLink" || name == "credential";
}

}  // namespace orch::expression
