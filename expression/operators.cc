#include "expression/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "expression/decimal.h"
#include "expression/text.h"
#include "expression/utf16.h"

namespace orch::expression {
namespace {

constexpr int64_t kRangeMax = 1'000'000;

uint64_t Wrapped(Op op, uint64_t a, uint64_t b) {
  switch (op) {
    case Op::kAdd: return a + b;
    case Op::kSubtract: return a - b;
    default: return a * b;
  }
}

int64_t LongOf(const Value& value) {
  return value.kind() == Kind::kBigInt ? BigIntLow64(value.AsString()) : value.AsInt();
}

Result<Value> IntegerArithmetic(Op op, int64_t a, int64_t b, bool wide) {
  if (op == Op::kDivide || op == Op::kModulo) {
    if (b == 0) return EvalFailure("/ by zero");
    // The one quotient that does not fit wraps around.
    if (b == -1) {
      if (op == Op::kModulo) return Value::Long(0);
      const int64_t negated = static_cast<int64_t>(0 - static_cast<uint64_t>(a));
      return Value::Long(wide ? negated : static_cast<int32_t>(negated));
    }
    return Value::Long(op == Op::kDivide ? a / b : a % b);
  }
  const int64_t result =
      static_cast<int64_t>(Wrapped(op, static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  return Value::Long(wide ? result : static_cast<int32_t>(result));
}

double FloatingArithmetic(Op op, double a, double b) {
  switch (op) {
    case Op::kAdd: return a + b;
    case Op::kSubtract: return a - b;
    case Op::kMultiply: return a * b;
    case Op::kDivide: return a / b;
    default: return std::fmod(a, b);
  }
}

char Sign(Op op) {
  switch (op) {
    case Op::kAdd: return '+';
    case Op::kSubtract: return '-';
    case Op::kMultiply: return '*';
    case Op::kDivide: return '/';
    default: return '%';
  }
}

Result<Value> NumberArithmetic(Op op, const Value& left, const Value& right) {
  const auto either = [&](Kind kind) { return left.kind() == kind || right.kind() == kind; };
  if (either(Kind::kBigDecimal)) {
    auto text = DecimalArithmetic(left.AsDouble(), Sign(op), right.AsDouble());
    if (!text) return EvalFailure("Division by zero");
    return Value::BigDecimal(*std::move(text));
  }
  if (either(Kind::kF64)) {
    return Value::Double(FloatingArithmetic(op, left.AsDouble(), right.AsDouble()));
  }
  if (either(Kind::kF32)) {
    const float a = static_cast<float>(left.AsDouble());
    const float b = static_cast<float>(right.AsDouble());
    return Value::Float(static_cast<float>(FloatingArithmetic(op, a, b)));
  }
  if (either(Kind::kI64)) return IntegerArithmetic(op, LongOf(left), LongOf(right), /*wide=*/true);
  return IntegerArithmetic(op, static_cast<int32_t>(LongOf(left)),
                           static_cast<int32_t>(LongOf(right)), /*wide=*/false);
}

Result<Value> AddToList(const Value& left, const Value& right) {
  std::vector<Value> items = left.items();
  if (right.is_list() || right.kind() == Kind::kSet) {
    items.insert(items.end(), right.items().begin(), right.items().end());
  } else {
    items.push_back(right);
  }
  return Value::List(std::move(items));
}

Result<Value> TakeFromList(const Value& left, const Value& right) {
  std::vector<Value> items = left.items();
  if (right.is_list() || right.kind() == Kind::kSet) {
    std::erase_if(items, [&](const Value& item) {
      return std::find(right.items().begin(), right.items().end(), item) != right.items().end();
    });
  } else if (const auto found = std::find(items.begin(), items.end(), right);
             found != items.end()) {
    items.erase(found);
  }
  return Value::List(std::move(items));
}

bool IsText(const Value& value) { return value.is_string() || value.is_marker(); }

Value Joined(std::string text, const Value& left, const Value& right) {
  Value result = left.HoldsMarker() || right.HoldsMarker() ? Value::Marker(std::move(text))
                                                           : Value::String(std::move(text));
  return result.TaintedIf(left.AnyTainted() || right.AnyTainted());
}

bool HasElement(const Value& sequence, const Value& element) {
  return std::find(sequence.items().begin(), sequence.items().end(), element) !=
         sequence.items().end();
}

// One UTF-16 unit of a text that is just that.
std::optional<char16_t> SingleUnit(const Value& value) {
  if (value.kind() == Kind::kChar) return value.AsChar();
  if (!value.is_string()) return std::nullopt;
  const std::u16string units = ToUtf16(value.AsString());
  return units.size() == 1 ? std::optional<char16_t>(units[0]) : std::nullopt;
}

int64_t Truncated(const Value& number) {
  if (number.is_integer() || number.kind() == Kind::kBigInt) return LongOf(number);
  const double value = number.AsDouble();
  if (std::isnan(value)) return 0;
  if (value >= 9.2e18) return std::numeric_limits<int64_t>::max();
  if (value <= -9.2e18) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

}  // namespace

Result<Value> Arithmetic(Op op, const Value& left, const Value& right) {
  if (op == Op::kAdd && (IsText(left) || IsText(right))) {
    return Joined(JavaText(left) + JavaText(right), left, right);
  }
  if (left.HoldsMarker() || right.HoldsMarker())
    return EvalFailure("A value that is filled in later takes no part in arithmetic");
  if (left.is_list() && op == Op::kAdd) return AddToList(left, right);
  if (left.is_list() && op == Op::kSubtract) return TakeFromList(left, right);
  if (!left.is_number() || !right.is_number()) {
    return EvalFailure("the operands must be numbers, not " + std::string(JavaClassName(left)) +
                       " and " + std::string(JavaClassName(right)));
  }
  return NumberArithmetic(op, left, right);
}

Result<Value> Negate(const Value& operand) {
  switch (operand.kind()) {
    case Kind::kI32: {
      const uint32_t bits = static_cast<uint32_t>(operand.AsInt());
      return Value::Long(static_cast<int32_t>(0 - bits));
    }
    case Kind::kI64:
      return Value::Long(static_cast<int64_t>(0 - static_cast<uint64_t>(operand.AsInt())));
    case Kind::kF32: return Value::Float(static_cast<float>(-operand.AsDouble()));
    case Kind::kF64: return Value::Double(-operand.AsDouble());
    case Kind::kBigInt: return Value::BigInt(DecimalNegate(operand.AsString()));
    case Kind::kBigDecimal: return Value::BigDecimal(DecimalNegate(operand.AsString()));
    default: return EvalFailure("A sign needs a number behind it");
  }
}

Result<Value> Concatenate(const Value& left, const Value& right) {
  return Joined((left.is_null() ? "" : JavaText(left)) + (right.is_null() ? "" : JavaText(right)),
                left, right);
}

Result<bool> Ordered(Op op, const Value& left, const Value& right) {
  if (left.is_null() || right.is_null()) return false;
  double a = 0;
  double b = 0;
  if (left.is_string() && right.is_string()) {
    a = CompareUtf16(left.AsString(), right.AsString());
  } else if (left.is_number() && right.is_number()) {
    a = left.AsDouble();
    b = right.AsDouble();
  } else {
    return EvalFailure("the operands must be two numbers or two texts, not " +
                       std::string(JavaClassName(left)) + " and " +
                       std::string(JavaClassName(right)));
  }
  switch (op) {
    case Op::kGreater: return a > b;
    case Op::kLess: return a < b;
    case Op::kGreaterOrEqual: return a >= b;
    default: return a <= b;
  }
}

bool Equal(const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) return left.AsDouble() == right.AsDouble();
  if (left.kind() == Kind::kEnum && right.is_string()) return left.AsString() == right.AsString();
  if (left.is_string() && right.kind() == Kind::kEnum) return left.AsString() == right.AsString();
  return left == right;
}

Result<bool> Contains(const Value& left, const Value& right) {
  switch (left.kind()) {
    case Kind::kNull: return false;
    case Kind::kList:
    case Kind::kSet:
      if (right.is_list() || right.kind() == Kind::kSet) {
        return std::all_of(right.items().begin(), right.items().end(),
                           [&](const Value& item) { return HasElement(left, item); });
      }
      return HasElement(left, right);
    case Kind::kArray: return HasElement(left, right);
    case Kind::kMap: return left.FindKey(right) != nullptr;
    case Kind::kString: return left.AsString().find(JavaText(right)) != std::string::npos;
    default:
      return EvalFailure("Contains operator needs a list, a map or a text, not " +
                         std::string(JavaClassName(left)));
  }
}

bool IsIn(const Value& left, const Value& right) {
  if (left.is_null() || right.is_null()) return false;
  const std::string text = JavaText(left);
  if (right.is_sequence()) {
    return std::any_of(right.items().begin(), right.items().end(),
                       [&](const Value& item) { return JavaText(item) == text; });
  }
  return std::any_of(right.entries().begin(), right.entries().end(), [&](const MapEntry& entry) {
    return JavaText(entry.key) == text || JavaText(entry.value) == text;
  });
}

Result<bool> AsCondition(const Value& value, std::string_view where) {
  if (value.is_bool()) return value.AsBool();
  if (value.is_number()) return value.AsDouble() != 0;
  if (value.is_string()) return !value.AsString().empty();
  return EvalFailure("Unsupported value type " + std::string(JavaClassName(value)) + " in " +
                     std::string(where) + ": expected Boolean, String or Number");
}

Result<Value> Range(const Value& start, const Value& end, const Value& step) {
  if (!step.is_number()) return EvalFailure("Range needs a number as its increment");
  const int64_t by = Truncated(step);
  if (by == 0) return EvalFailure("Range needs an increment other than 0");
  const std::optional<char16_t> from = SingleUnit(start);
  const std::optional<char16_t> to = SingleUnit(end);
  const bool chars = from && to;
  if (!chars && !(start.is_number() && end.is_number())) {
    return EvalFailure("Range needs two numbers or two single characters");
  }
  const __int128 first = chars ? *from : Truncated(start);
  const __int128 last = chars ? *to : Truncated(end);
  const __int128 count = (last - first) / by + 1;
  std::vector<Value> items;
  if ((by > 0) != (last >= first) && last != first) return Value::List({});
  if (count > kRangeMax) return EvalFailure("Range is longer than 1,000,000 elements");
  for (__int128 i = 0; i < count; ++i) {
    const int64_t item = static_cast<int64_t>(first + i * by);
    items.push_back(chars ? Value::Char(static_cast<char16_t>(item)) : Value::Long(item));
  }
  return Value::List(std::move(items));
}

std::string_view OperationName(Op op) {
  switch (op) {
    case Op::kAdd: return "addition";
    case Op::kSubtract: return "subtraction";
    case Op::kMultiply: return "multiplication";
    case Op::kDivide: return "division";
    case Op::kModulo: return "modulus";
    case Op::kEquals: return "equals comparison";
    case Op::kNotEquals: return "not equals comparison";
    case Op::kGreater: return "greater than comparison";
    case Op::kLess: return "less than comparison";
    case Op::kGreaterOrEqual: return "greater than or equals comparison";
    case Op::kLessOrEqual: return "less than or equals comparison";
    default: return "";
  }
}

}  // namespace orch::expression
