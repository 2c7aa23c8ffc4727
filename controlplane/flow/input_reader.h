// Inputs and outputs of a flow, from their nodes. Internal to flow/.
#pragma once

#include <vector>

#include "controlplane/flow/flow.h"
#include "controlplane/flow/reading.h"
#include "controlplane/flow/yaml.h"

namespace orch::flow {

// The types that inputs and outputs may have.
const std::vector<std::string>& InputTypes();

// `path` is "inputs", or where else a list of inputs stands.
std::vector<Input> ReadInputs(Reading* reading, const YamlNode& list, const std::string& path);
std::vector<Output> ReadOutputs(Reading* reading, const YamlNode& list);

}  // namespace orch::flow
