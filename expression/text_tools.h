#pragma once

#include <string>
#include <string_view>

#include "expression/evaluator.h"
#include "expression/regex.h"
#include "expression/result.h"
#include "expression/value.h"

namespace orch::expression {

inline bool IsGiven(const Value* argument) { return argument != nullptr && !argument->is_null(); }

// Text that is about to be built out of more than its input: fails before it is built.
inline Result<bool> Fits(size_t bytes, Evaluator& evaluator) {
  if (evaluator.fuel().bytes_left() < 0 ||
      bytes > static_cast<size_t>(evaluator.fuel().bytes_left())) {
    return LimitFailure("The texts of this evaluation are too long");
  }
  return true;
}

// Every `from` in `text` as `to`; `from` is not empty.
Result<std::string> ReplaceLiteral(const std::string& text, const std::string& from,
                                   const std::string& to, Evaluator& evaluator);

// A pattern compiled at the price of some steps.
Result<Regex> CompilePattern(const std::string& pattern, Evaluator& evaluator);

std::string Base64(std::string_view bytes);
// False for text that is not base64 in the basic alphabet; padding may be absent.
bool FromBase64(std::string_view text, std::string* bytes);

}  // namespace orch::expression
