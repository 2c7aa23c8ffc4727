#pragma once

#include <memory>
#include <string_view>

#include "expression/ast.h"

namespace orch::expression {

// How deeply expressions and tags may nest in one text.
inline constexpr int kNestingMax = 64;

// Compiles a text. A text that does not compile gives a template whose `fault` says why.
std::shared_ptr<const Template> Parse(std::string_view source);

}  // namespace orch::expression
