#include "controlplane/flow/document.h"

#include "expression/json.h"

namespace orch::flow {

using expression::Value;

std::string FlowJson(const Flow& flow, bool deleted, std::optional<std::string_view> source) {
  expression::MapBuilder map;
  map.Set("id", Value::String(flow.id));
  map.Set("namespace", Value::String(flow.namespace_));
  if (flow.revision > 0) map.Set("revision", Value::Integer(flow.revision));
  if (!flow.description.empty()) map.Set("description", Value::String(flow.description));
  map.Set("disabled", Value::Bool(flow.disabled));
  map.Set("deleted", Value::Bool(deleted));
  if (flow.document.is_map()) {
    for (const expression::MapEntry& entry : flow.document.entries()) {
      const bool known = entry.key.is_string() &&
                         (entry.key.AsString() == "id" || entry.key.AsString() == "namespace" ||
                          entry.key.AsString() == "description");
      if (!known) map.Set(entry.key, entry.value);
    }
  }
  if (source) map.Set("source", Value::String(std::string(*source)));
  return expression::ToJson(map.Build(), expression::NullPolicy::kKeep);
}

}  // namespace orch::flow
