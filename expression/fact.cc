#include "expression/fact.h"

#include <algorithm>

#include "expression/json.h"
#include "expression/text.h"

namespace orch::expression {

std::string Fact::Key() const {
  std::string key = function;
  for (const Value& argument : arguments) {
    // The class tells 1 from 1L; its length-prefixed text ends where it says.
    const std::string text = ToJson(argument, NullPolicy::kKeep);
    key +=
        "|" + std::string(JavaClassName(argument)) + ":" + std::to_string(text.size()) + ":" + text;
  }
  return key;
}

bool Fact::tainted() const {
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const Value& argument) { return argument.AnyTainted(); });
}

}  // namespace orch::expression
