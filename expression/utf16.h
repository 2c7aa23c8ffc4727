#pragma once

#include <string>
#include <string_view>

namespace orch::expression {

// The language counts in UTF-16 units while texts are kept in UTF-8. A byte that is no UTF-8 counts
// as U+FFFD; half a surrogate pair becomes '?'.
std::u16string ToUtf16(std::string_view text);
std::string ToUtf8(std::u16string_view units);

void AppendUtf8(std::string* out, char32_t code_point);
// Reads one code point at `*at`, which moves behind it; U+FFFD for a byte that is no UTF-8.
char32_t NextCodePoint(std::string_view text, size_t* at);

bool IsAscii(std::string_view text);
// Length in UTF-16 units.
size_t Utf16Length(std::string_view text);
// Ordering by UTF-16 units: negative, zero or positive.
int CompareUtf16(std::string_view a, std::string_view b);

// Case mapping for Latin, Greek and Cyrillic letters; others stay.
std::string ToUpper(std::string_view text);
std::string ToLower(std::string_view text);
char32_t UpperOf(char32_t code_point);
char32_t LowerOf(char32_t code_point);

// Java's Character.isWhitespace.
bool IsJavaWhitespace(char32_t code_point);

}  // namespace orch::expression
