// Checks properties against their schemas, and gives them the kinds that the schemas ask for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "controlplane/flow/complaint.h"
#include "controlplane/flow/schema.h"
#include "controlplane/flow/yaml.h"
#include "expression/value.h"

namespace orch::flow {

// Whether a text has something in it that is evaluated.
bool HoldsExpression(std::string_view text);

// Adds what is wrong with `node`. A text that holds an expression fits wherever the schema is
// dynamic. A plain text that cannot be converted, or a number out of bounds, is a warning where the
// schema is dynamic, since only the run fails; a wrong kind is an error.
void CheckNode(const YamlNode& node, const Schema& schema, const std::string& path,
               std::vector<Complaint>* complaints);

// The value of a node; scalars become text, as written, where the schema knows only text.
expression::Value ToValue(const YamlNode& node, const Schema& schema);

}  // namespace orch::flow
