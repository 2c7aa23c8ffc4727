#include "expression/context.h"

namespace orch::expression {

std::optional<Value> MapVariables::Find(std::string_view name) const {
  const Value* value = map_.Find(name);
  return value == nullptr ? std::nullopt : std::optional<Value>(*value);
}

std::vector<std::string> MapVariables::Names() const {
  std::vector<std::string> names;
  for (const MapEntry& entry : map_.entries()) {
    if (entry.key.is_string()) names.push_back(entry.key.AsString());
  }
  return names;
}

std::string_view CodeName(Error::Code code) {
  switch (code) {
    case Error::Code::kMissing: return "missing";
    case Error::Code::kSyntax: return "syntax";
    case Error::Code::kEval: return "eval";
    case Error::Code::kLimit: return "limit";
  }
  return "eval";
}

}  // namespace orch::expression
