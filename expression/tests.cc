#include <string>

#include "expression/json.h"
#include "expression/registry.h"
#include "expression/text.h"

namespace orch::expression {
namespace {

Result<bool> Defined(const Value& input) { return !input.is_null(); }
Result<bool> IsNull(const Value& input) { return input.is_null(); }

Result<bool> Empty(const Value& input) {
  if (input.is_null()) return true;
  if (input.is_string()) {
    return input.AsString().find_first_not_of(" \t\r\n\f\v") == std::string::npos;
  }
  if (input.is_view()) return input.view().Empty();
  return (input.is_list() || input.kind() == Kind::kSet || input.is_map()) && input.size() == 0;
}

Result<bool> Parity(const Value& input, bool odd) {
  if (!input.is_integer()) {
    return EvalFailure("Parity needs a whole number, not " + std::string(JavaClassName(input)));
  }
  return (input.AsInt() % 2 != 0) == odd;
}
Result<bool> Even(const Value& input) { return Parity(input, false); }
Result<bool> Odd(const Value& input) { return Parity(input, true); }

Result<bool> Iterable(const Value& input) { return input.is_sequence(); }
Result<bool> Map(const Value& input) { return input.is_map() || input.is_view(); }

Result<bool> Json(const Value& input) {
  if (!input.is_string()) return EvalFailure("The test 'json' needs a string");
  if (input.AsString().find_first_not_of(" \t\r\n") == std::string::npos) return true;
  size_t end = 0;
  return ParseJsonPrefix(input.AsString(), &end).ok();
}

}  // namespace

std::span<const TestSpec> Tests() {
  static const auto* const tests = new std::vector<TestSpec>{
      {"defined", Defined}, {"null", IsNull},       {"empty", Empty}, {"even", Even},
      {"odd", Odd},         {"iterable", Iterable}, {"map", Map},     {"json", Json},
  };
  return *tests;
}

}  // namespace orch::expression
