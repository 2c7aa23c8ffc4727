#include <string>
#include <utility>

#include "expression/evaluator.h"
#include "expression/ion.h"
#include "expression/json.h"
#include "expression/registry.h"
#include "expression/text_tools.h"
#include "expression/yaml.h"

namespace orch::expression {
namespace {

using Args = const CallArguments&;

Result<Value> Json(const Value& input, Args, Evaluator&) { return Value::String(ToJson(input)); }
Result<Value> Ion(const Value& input, Args, Evaluator&) { return Value::String(WriteIon(input)); }

Result<Value> Yaml(const Value& input, Args, Evaluator&) {
  return Value::String(input.is_null() ? "null" : WriteYaml(input));
}

// Null map entries are not seen by jq.
Value WithoutNulls(const Value& value) {
  if (value.is_map()) {
    MapBuilder map;
    for (const MapEntry& entry : value.entries()) {
      if (!entry.value.is_null()) map.Add(entry.key, WithoutNulls(entry.value));
    }
    return map.Build();
  }
  if (value.is_sequence()) {
    std::vector<Value> items;
    for (const Value& item : value.items()) items.push_back(WithoutNulls(item));
    return Value::List(std::move(items));
  }
  return value;
}

Result<Value> Jq(const Value& input, Args arguments, Evaluator& evaluator) {
  const Value* expression = arguments.Get(0);
  if (!IsGiven(expression)) return EvalFailure("The 'jq' filter expects an argument 'expression'");
  Value data = input;
  if (input.is_string()) {
    ASSIGN_OR_FAIL_STATUS(data, ParseJson(input.AsString()));
    data = data.TaintedIf(input.AnyTainted());
  } else {
    data = WithoutNulls(input);
  }
  if (!expression->is_string()) return EvalFailure("The expression of jq must be text");
  return evaluator.Ask({"jq", {*expression, std::move(data)}});
}

}  // namespace

std::span<const FilterSpec> DataFilters() {
  static const auto* const filters = new std::vector<FilterSpec>{
      {"toJson", Parameters::Any(), false, Json},       {"json", Parameters::Any(), false, Json},
      {"toIon", Parameters::Any(), false, Ion},         {"yaml", Parameters::Any(), false, Yaml},
      {"jq", Parameters::Of({"expression"}), true, Jq},
  };
  return *filters;
}

}  // namespace orch::expression
