#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "expression/result.h"
#include "expression/value.h"

namespace orch::expression {

class Evaluator;

// The arguments of one call, evaluated and sorted by declared position.
class CallArguments {
 public:
  CallArguments() = default;
  explicit CallArguments(std::vector<std::optional<Value>> values) : values_(std::move(values)) {}
  // Null pointer if it was not given.
  const Value* Get(size_t index) const {
    return index < values_.size() && values_[index] ? &*values_[index] : nullptr;
  }
  // The argument, or null.
  Value Or(size_t index, Value fallback = Value::Null()) const {
    const Value* value = Get(index);
    return value == nullptr ? std::move(fallback) : *value;
  }
  size_t size() const { return values_.size(); }

 private:
  std::vector<std::optional<Value>> values_;
};

// The names of the parameters, in order. Without a list any number is taken by index, and named
// arguments are ignored.
struct Parameters {
  bool any = false;
  std::vector<std::string_view> names;
  static Parameters Any() { return {true, {}}; }
  static Parameters Of(std::initializer_list<std::string_view> names) { return {false, names}; }
};

struct FilterSpec {
  std::string_view name;
  Parameters parameters;
  bool null_to_null = false;  // A null input gives null, whatever the arguments.
  Result<Value> (*apply)(const Value& input, const CallArguments& arguments, Evaluator& evaluator);
};

struct FunctionSpec {
  std::string_view name;
  Parameters parameters;
  Result<Value> (*call)(const CallArguments& arguments, Evaluator& evaluator);
};

struct TestSpec {
  std::string_view name;
  Result<bool> (*test)(const Value& input);
};

const FilterSpec* FindFilter(std::string_view name);
const FunctionSpec* FindFunction(std::string_view name);
const TestSpec* FindTest(std::string_view name);

// Names of the language that exist and are not built: "filter 'x' is not built yet".
bool IsUnbuiltFunction(std::string_view name);

std::span<const FilterSpec> TextFilters();
std::span<const FilterSpec> NumberFilters();
std::span<const FilterSpec> CollectionFilters();
std::span<const FilterSpec> DataFilters();
std::span<const FilterSpec> DateFilters();
std::span<const FunctionSpec> CoreFunctions();
std::span<const FunctionSpec> DataFunctions();
std::span<const FunctionSpec> FactFunctions();
std::span<const FunctionSpec> FlowFunctions();
std::span<const FunctionSpec> CalendarFunctions();
std::span<const TestSpec> Tests();

}  // namespace orch::expression
