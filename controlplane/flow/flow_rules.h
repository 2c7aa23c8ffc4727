// Rules about a flow as a whole. Internal to flow/.
#pragma once

#include "controlplane/flow/flow.h"
#include "controlplane/flow/reading.h"
#include "controlplane/flow/yaml.h"

namespace orch::flow {

// Ids that come twice, calls of itself, references with a dash. `root` is the document.
void CheckFlowRules(Reading* reading, const Flow& flow, const YamlNode& root);

// Labels in either form, as they are kept; `path` is where they stand.
std::vector<std::pair<std::string, std::string>> ReadLabels(Reading* reading, const YamlNode& node,
                                                            const std::string& path);

}  // namespace orch::flow
