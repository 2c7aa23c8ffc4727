#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace orch::expression {

enum class TokenKind : uint8_t {
  kText,  // between the delimiters; trimmed already
  kPrintOpen,
  kPrintClose,
  kTagOpen,
  kTagClose,
  kName,  // an identifier, or true, null, …
  kInteger,
  kDecimal,
  kString,  // unescaped already
  kStringOpen,
  kStringPart,
  kInterpolationOpen,
  kInterpolationClose,
  kStringClose,
  kOperator,     // also `and`, `is not`, …
  kPunctuation,  // ( ) [ ] { } ? : . , =
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  int line = 1;
  size_t offset = 0;  // In the source, in bytes.
};

// What is wrong with a source, and where.
struct SyntaxFault {
  std::string message;
  int line = 1;
  size_t offset = 0;
};

}  // namespace orch::expression
