#include "expression/decimal.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "expression/text.h"

namespace orch::expression {
namespace {

using Integer = boost::multiprecision::cpp_int;

constexpr int kPrecision = 34;
constexpr int kScaleMax = 100'000;

// unscaled * 10^-scale
struct Decimal {
  Integer unscaled;
  int scale = 0;
};

Integer PowerOfTen(int exponent) {
  return boost::multiprecision::pow(Integer(10), static_cast<unsigned>(exponent));
}

Decimal Read(std::string_view text) {
  Decimal decimal;
  bool negative = false;
  std::string digits;
  size_t i = 0;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) negative = text[i++] == '-';
  bool point = false;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') {
      point = true;
    } else {
      digits.push_back(text[i]);
      if (point) ++decimal.scale;
    }
  }
  if (i < text.size()) {
    ++i;
    if (i < text.size() && text[i] == '+') ++i;
    int exponent = 0;
    std::from_chars(text.data() + i, text.data() + text.size(), exponent);
    decimal.scale -= exponent;
  }
  decimal.scale = std::clamp(decimal.scale, -kScaleMax, kScaleMax);
  const size_t first = digits.find_first_not_of('0');
  decimal.unscaled = first == std::string::npos ? Integer(0) : Integer(digits.substr(first));
  if (negative) decimal.unscaled = -decimal.unscaled;
  return decimal;
}

// As BigDecimal.toString: an exponent where the scale is negative or the number very small.
std::string Write(const Decimal& decimal, bool plain) {
  const bool negative = decimal.unscaled < 0;
  std::string digits = Integer(abs(decimal.unscaled)).str();
  const int adjusted = static_cast<int>(digits.size()) - 1 - decimal.scale;
  std::string text;
  if (decimal.scale == 0) {
    text = digits;
  } else if (plain || (decimal.scale > 0 && adjusted >= -6)) {
    if (decimal.scale < 0) {
      text =
          digits == "0" ? digits : digits + std::string(static_cast<size_t>(-decimal.scale), '0');
    } else {
      const size_t scale = static_cast<size_t>(decimal.scale);
      if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
      text = digits.substr(0, digits.size() - scale) + "." + digits.substr(digits.size() - scale);
    }
  } else {
    text = digits.substr(0, 1);
    if (digits.size() > 1) text += "." + digits.substr(1);
    if (adjusted != 0) text += (adjusted > 0 ? "E+" : "E") + std::to_string(adjusted);
  }
  return negative ? "-" + text : text;
}

Decimal Round(Decimal decimal) {
  const int digits = static_cast<int>(Integer(abs(decimal.unscaled)).str().size());
  if (digits <= kPrecision) return decimal;
  const Integer unit = PowerOfTen(digits - kPrecision);
  Integer rest = decimal.unscaled % unit;
  decimal.unscaled /= unit;
  decimal.scale -= digits - kPrecision;
  const Integer twice = abs(rest) * 2;
  if (twice > unit || (twice == unit && decimal.unscaled % 2 != 0)) {
    decimal.unscaled += rest < 0 ? -1 : 1;
  }
  return decimal;
}

void Align(Decimal& a, Decimal& b) {
  Decimal& shorter = a.scale < b.scale ? a : b;
  const int scale = std::max(a.scale, b.scale);
  shorter.unscaled *= PowerOfTen(scale - shorter.scale);
  shorter.scale = scale;
}

Decimal Divide(const Decimal& a, const Decimal& b) {
  const int preferred = a.scale - b.scale;
  // Enough digits that rounding sees whether the quotient is exact.
  const int extra = kPrecision + 3 + static_cast<int>(Integer(abs(b.unscaled)).str().size());
  const Integer scaled = a.unscaled * PowerOfTen(extra);
  Decimal quotient{scaled / b.unscaled, preferred + extra};
  if (scaled % b.unscaled != 0) {
    quotient.unscaled = quotient.unscaled * 10 + ((a.unscaled < 0) != (b.unscaled < 0) ? -1 : 1);
    ++quotient.scale;
  }
  quotient = Round(quotient);
  while (quotient.scale > preferred && quotient.unscaled % 10 == 0) {
    quotient.unscaled /= 10;
    --quotient.scale;
  }
  return quotient;
}

}  // namespace

double DecimalToDouble(std::string_view text) {
  return std::strtod(std::string(text).c_str(), nullptr);
}

int64_t BigIntLow64(std::string_view digits) {
  uint64_t value = 0;
  bool negative = false;
  for (const char c : digits) {
    if (c == '-') {
      negative = true;
    } else if (c >= '0' && c <= '9') {
      value = value * 10 + static_cast<uint64_t>(c - '0');
    }
  }
  return static_cast<int64_t>(negative ? ~value + 1 : value);
}

std::string DecimalAbs(std::string_view text) {
  return std::string(!text.empty() && text[0] == '-' ? text.substr(1) : text);
}

std::string DecimalNegate(std::string_view text) {
  if (!text.empty() && text[0] == '-') return std::string(text.substr(1));
  return text.find_first_of("123456789") == std::string_view::npos ? std::string(text)
                                                                   : "-" + std::string(text);
}

std::string DecimalPlain(std::string_view text) {
  if (text.find_first_of("eE") == std::string_view::npos) return std::string(text);
  return Write(Read(text), /*plain=*/true);
}

bool DecimalSame(std::string_view a, std::string_view b) {
  Decimal left = Read(a);
  Decimal right = Read(b);
  Align(left, right);
  return left.unscaled == right.unscaled;
}

std::optional<std::string> DecimalArithmetic(double a, char op, double b) {
  if (!std::isfinite(a) || !std::isfinite(b)) return std::nullopt;
  Decimal left = Read(DoubleText(a));
  Decimal right = Read(DoubleText(b));
  switch (op) {
    case '+':
      Align(left, right);
      return Write(Round({left.unscaled + right.unscaled, left.scale}), false);
    case '-':
      Align(left, right);
      return Write(Round({left.unscaled - right.unscaled, left.scale}), false);
    case '*':
      return Write(Round({left.unscaled * right.unscaled, left.scale + right.scale}), false);
    case '/':
      if (right.unscaled == 0) return std::nullopt;
      return Write(Divide(left, right), false);
    case '%':
      if (right.unscaled == 0) return std::nullopt;
      Align(left, right);
      return Write(Round({left.unscaled % right.unscaled, left.scale}), false);
    default: return std::nullopt;
  }
}

}  // namespace orch::expression
