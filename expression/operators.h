#pragma once

#include <string_view>

#include "expression/ast.h"
#include "expression/result.h"
#include "expression/value.h"

namespace orch::expression {

// What the operators make of values. Operands hold no views.

Result<Value> Arithmetic(Op op, const Value& left, const Value& right);
Result<Value> Negate(const Value& operand);
Result<Value> Concatenate(const Value& left, const Value& right);
Result<bool> Ordered(Op op, const Value& left, const Value& right);
bool Equal(const Value& left, const Value& right);
Result<bool> Contains(const Value& left, const Value& right);
bool IsIn(const Value& left, const Value& right);
// Operand of `and`, `or`, `not`, `if`.
Result<bool> AsCondition(const Value& value, std::string_view where);
// The list of `a..b` and of range().
Result<Value> Range(const Value& start, const Value& end, const Value& step);

// "addition", "greater than comparison", …: what could not be performed. Empty for an operator that
// passes the failures of its operands on.
std::string_view OperationName(Op op);

}  // namespace orch::expression
