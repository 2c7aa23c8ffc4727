#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "expression/java_hash.h"
#include "expression/json.h"
#include "expression/registry.h"
#include "expression/text.h"
#include "expression/text_tools.h"
#include "expression/utf16.h"

namespace orch::expression {
namespace {

using Args = const CallArguments&;
using Values = std::vector<Value>;

Failure NeedsList(std::string_view filter, const Value& input) {
  return EvalFailure("The '" + std::string(filter) +
                     "' filter can only be applied to a list. Actual type was: " +
                     std::string(JavaClassName(input)));
}

Result<Value> Edge(const Value& input, bool first) {
  if (input.is_sequence()) {
    if (input.size() == 0) return Value::Null();
    return first ? input.items().front() : input.items().back();
  }
  if (!input.is_string()) {
    return EvalFailure("The '" + std::string(first ? "first" : "last") +
                       "' filter expects a list or a text");
  }
  const std::u16string units = ToUtf16(input.AsString());
  if (units.empty()) return EvalFailure("The text is empty");
  return Value::Char(first ? units.front() : units.back());
}
Result<Value> First(const Value& input, Args, Evaluator&) { return Edge(input, true); }
Result<Value> Last(const Value& input, Args, Evaluator&) { return Edge(input, false); }

Result<Value> Length(const Value& input, Args, Evaluator&) {
  const size_t length = input.is_string() ? Utf16Length(input.AsString()) : input.size();
  return Value::Int(static_cast<int32_t>(length));
}

Result<Value> Slice(const Value& input, Args arguments, Evaluator&) {
  if (!input.is_string() && !input.is_list() && input.kind() != Kind::kArray) {
    return EvalFailure("Slice filter can only be applied to String, List and array inputs");
  }
  const std::u16string units = input.is_string() ? ToUtf16(input.AsString()) : std::u16string();
  const int64_t size = static_cast<int64_t>(input.is_string() ? units.size() : input.size());
  const Value from_value = IsGiven(arguments.Get(0)) ? *arguments.Get(0) : Value::Long(0);
  const Value to_value = IsGiven(arguments.Get(1)) ? *arguments.Get(1) : Value::Long(size);
  if (!from_value.is_number() || !to_value.is_number()) {
    return EvalFailure("The indexes of slice must be numbers");
  }
  const double limit = 1e15;
  const int64_t from = static_cast<int64_t>(std::clamp(from_value.AsDouble(), -limit, limit));
  const int64_t to = static_cast<int64_t>(std::clamp(to_value.AsDouble(), -limit, limit));
  if (from < 0) return EvalFailure("fromIndex must be >= 0");
  if (to > size) return EvalFailure("toIndex must not be greater than the size");
  if (from >= to && !(from == 0 && size == 0)) return EvalFailure("toIndex must be > fromIndex");
  if (input.is_string())
    return Value::String(ToUtf8(std::u16string_view(units).substr(from, to - from)));
  Values items(input.items().begin() + from, input.items().begin() + to);
  return input.is_list() ? Value::List(std::move(items)) : Value::Array(std::move(items));
}

Result<Value> Join(const Value& input, Args arguments, Evaluator& evaluator) {
  if (!input.is_sequence()) return NeedsList("join", input);
  const Value* separator = arguments.Get(0);
  if (IsGiven(separator) && !separator->is_string())
    return EvalFailure("The separator must be text");
  const std::string between = IsGiven(separator) ? separator->AsString() : "";
  ASSIGN_OR_FAIL([[maybe_unused]] const bool fits,
                 Fits(SaturatingAdd(input.weight(), between.size() * input.size()), evaluator));
  std::string text;
  for (size_t i = 0; i < input.size(); ++i) {
    if (i > 0) text += between;
    text += JavaText(input.items()[i]);
  }
  return Value::String(std::move(text));
}

// Why two elements cannot be sorted together, or their order.
Result<int> Compared(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return EvalFailure("Elements of different types cannot be sorted");
  const auto order = [](auto x, auto y) { return x < y ? -1 : y < x ? 1 : 0; };
  switch (a.kind()) {
    case Kind::kI32:
    case Kind::kI64: return order(a.AsInt(), b.AsInt());
    case Kind::kF32:
    case Kind::kF64:
    case Kind::kBigInt:
    case Kind::kBigDecimal: return order(a.AsDouble(), b.AsDouble());
    case Kind::kBool: return order(a.AsBool(), b.AsBool());
    case Kind::kChar: return order(a.AsChar(), b.AsChar());
    case Kind::kString:
    case Kind::kUri:
    case Kind::kEnum: return CompareUtf16(a.AsString(), b.AsString());
    case Kind::kInstant:
    case Kind::kDate:
    case Kind::kZoned: return order(a.AsTime(), b.AsTime());
    case Kind::kLocalDate: return order(a.AsDay(), b.AsDay());
    case Kind::kLocalDateTime:
      return a.AsLocal().second == b.AsLocal().second
                 ? order(a.AsLocal().nanosecond, b.AsLocal().nanosecond)
                 : order(a.AsLocal().second, b.AsLocal().second);
    case Kind::kDuration: return order(a.AsDuration(), b.AsDuration());
    default:
      return EvalFailure("Elements of " + std::string(JavaClassName(a)) + " cannot be sorted");
  }
}

Result<Value> Sorted(const Value& input, bool descending) {
  Values items = input.items();
  // Every pair that the sort may meet can be compared if each element can be with the first.
  for (const Value& item : items) {
    ASSIGN_OR_FAIL([[maybe_unused]] const int order, Compared(items.front(), item));
  }
  std::stable_sort(items.begin(), items.end(), [&](const Value& a, const Value& b) {
    return descending ? *Compared(b, a) < 0 : *Compared(a, b) < 0;
  });
  return input.is_list() ? Value::List(std::move(items)) : Value::Array(std::move(items));
}

Result<Value> Sort(const Value& input, Args, Evaluator&) {
  if (!input.is_list() && input.kind() != Kind::kArray) return NeedsList("sort", input);
  return Sorted(input, false);
}

Result<Value> Rsort(const Value& input, Args, Evaluator&) {
  if (!input.is_list()) return NeedsList("rsort", input);
  return Sorted(input, true);
}

Result<Value> Reverse(const Value& input, Args, Evaluator&) {
  if (!input.is_list()) return NeedsList("reverse", input);
  return Value::List(Values(input.items().rbegin(), input.items().rend()));
}

Result<Value> Merge(const Value& input, Args arguments, Evaluator&) {
  const Value items = arguments.Or(0);
  if (input.is_null() && items.is_null()) {
    return EvalFailure("The two arguments to be merged are null");
  }
  if (input.is_null() || items.is_null()) {
    const Value& other = input.is_null() ? items : input;
    if (!other.is_map() && !other.is_sequence()) return EvalFailure("Merge needs a list or a map");
    return other;
  }
  if (input.is_map()) {
    if (!items.is_map() && !items.is_sequence())
      return EvalFailure("A map cannot be merged with this");
    MapBuilder map(MapOrder::kJavaHash, input.size() + items.size() + 16);
    for (const MapEntry& entry : input.entries()) map.Set(entry.key, entry.value);
    for (const MapEntry& entry : items.entries()) map.Set(entry.key, entry.value);
    for (const Value& item : items.items()) map.Set(item, item);
    return map.Build();
  }
  if (!input.is_sequence()) {
    return EvalFailure("The 'merge' filter can only be applied to a list or a map, not to " +
                       std::string(JavaClassName(input)));
  }
  Values merged = input.items();
  if (items.is_map()) {
    for (const MapEntry& entry : items.entries())
      merged.push_back(Value::Entry(entry.key, entry.value));
  } else if (items.is_sequence()) {
    merged.insert(merged.end(), items.items().begin(), items.items().end());
  } else {
    return EvalFailure("A list can only be merged with a list or a map");
  }
  return input.kind() == Kind::kArray ? Value::Array(std::move(merged))
                                      : Value::List(std::move(merged));
}

Result<Value> Chunk(const Value& input, Args arguments, Evaluator&) {
  const Value* size = arguments.Get(0);
  if (!IsGiven(size)) return EvalFailure("The 'chunk' filter expects an argument 'size'");
  if (!input.is_list()) return NeedsList("chunk", input);
  if (size->kind() != Kind::kI64 || size->AsInt() <= 0) {
    return EvalFailure("The size of chunk must be a positive whole number (a literal)");
  }
  Values chunks;
  Values chunk;
  for (const Value& item : input.items()) {
    chunk.push_back(item);
    if (static_cast<int64_t>(chunk.size()) == size->AsInt()) {
      chunks.push_back(Value::List(std::exchange(chunk, {})));
    }
  }
  if (!chunk.empty()) chunks.push_back(Value::List(std::move(chunk)));
  return Value::List(std::move(chunks));
}

Result<Value> Flatten(const Value& input, Args, Evaluator&) {
  if (!input.is_list()) return NeedsList("flatten", input);
  Values items;
  for (const Value& item : input.items()) {
    if (item.is_list() || item.kind() == Kind::kSet) {
      items.insert(items.end(), item.items().begin(), item.items().end());
    } else {
      items.push_back(item);
    }
  }
  return Value::List(std::move(items));
}

Result<Value> Keys(const Value& input, Args, Evaluator&) {
  Values keys;
  if (input.is_map()) {
    for (const MapEntry& entry : input.entries()) keys.push_back(entry.key);
  } else if (input.is_list() || input.kind() == Kind::kArray) {
    for (size_t i = 0; i < input.size(); ++i) keys.push_back(Value::Int(static_cast<int32_t>(i)));
  } else {
    return EvalFailure("The 'keys' filter can only be applied to a map or a list");
  }
  return Value::Set(std::move(keys));
}

Result<Value> ValuesOf(const Value& input, Args, Evaluator&) {
  if (!input.is_map()) return EvalFailure("The 'values' filter can only be applied to a map");
  Values values;
  for (const MapEntry& entry : input.entries()) values.push_back(entry.value);
  return Value::Set(std::move(values));
}

Result<Value> Distinct(const Value& input, Args, Evaluator&) {
  if (input.is_null()) return Value::String("null");
  if (!input.is_list()) return NeedsList("distinct", input);
  absl::flat_hash_set<std::string> seen;
  Values items;
  for (const Value& item : input.items()) {
    // Equal elements are of one class and have one text.
    const std::string key = std::string(JavaClassName(item)) + ToJson(item, NullPolicy::kKeep);
    if (seen.insert(key).second) items.push_back(item);
  }
  return Value::List(std::move(items));
}

}  // namespace

std::span<const FilterSpec> CollectionFilters() {
  static const auto* const filters = new std::vector<FilterSpec>{
      {"first", Parameters::Any(), true, First},
      {"last", Parameters::Any(), true, Last},
      {"length", Parameters::Any(), false, Length},
      {"slice", Parameters::Of({"fromIndex", "toIndex"}), true, Slice},
      {"join", Parameters::Of({"separator"}), true, Join},
      {"sort", Parameters::Any(), true, Sort},
      {"rsort", Parameters::Any(), true, Rsort},
      {"reverse", Parameters::Any(), true, Reverse},
      {"merge", Parameters::Of({"items"}), false, Merge},
      {"chunk", Parameters::Of({"size"}), true, Chunk},
      {"flatten", Parameters::Any(), true, Flatten},
      {"keys", Parameters::Any(), true, Keys},
      {"values", Parameters::Any(), true, ValuesOf},
      {"distinct", Parameters::Any(), false, Distinct},
  };
  return *filters;
}

}  // namespace orch::expression
