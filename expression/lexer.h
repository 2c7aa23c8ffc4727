#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "expression/token.h"

namespace orch::expression {

// Cuts a source into tokens, the last of which is kEnd, or tells the first fault.
std::variant<std::vector<Token>, SyntaxFault> Lex(std::string_view source);

// The bytes of the line break at `at`; 0 if there is none. `\r\n` is one.
size_t LineBreakLength(std::string_view text, size_t at);

}  // namespace orch::expression
