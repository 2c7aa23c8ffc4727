#pragma once

#include <string>
#include <vector>

#include "expression/evaluator.h"
#include "expression/result.h"
#include "expression/value.h"

namespace orch::expression {

// `object.key`, `object[key]` and, with `arguments`, `object.key(…)`. `root` is the name of the variable
// that `object` is, or empty. A view is asked, never built, unless a method needs all of it.
Result<Value> GetAttribute(Evaluator& evaluator, const Value& object, const Value& key,
                           const std::vector<Value>* arguments, const std::string& root);

}  // namespace orch::expression
