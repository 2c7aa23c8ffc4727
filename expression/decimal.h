#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace orch::expression {

// Numbers of any size, kept as text.

// The nearest double of decimal text.
double DecimalToDouble(std::string_view text);

// The lowest 64 bits of an integer, as Java's longValue.
int64_t BigIntLow64(std::string_view digits);
// The absolute value of decimal text.
std::string DecimalAbs(std::string_view text);
std::string DecimalNegate(std::string_view text);
// The same number without an exponent.
std::string DecimalPlain(std::string_view text);
// Whether two decimal texts are the same number.
bool DecimalSame(std::string_view a, std::string_view b);

// `a op b`, op one of + - * / %, over the decimals of two doubles, to 34 digits, half even; nullopt
// for a division by zero or a value that is no number.
std::optional<std::string> DecimalArithmetic(double a, char op, double b);

}  // namespace orch::expression
