// Defaults that a flow declares for its own objects (`pluginDefaults`, older `taskDefaults`).
#pragma once

#include "controlplane/flow/reading.h"
#include "controlplane/flow/yaml.h"

namespace orch::flow {

// Checks the section and returns the root of the document with its values injected into every map
// that has a matching `type`; the root itself when there is nothing to inject. What was injected is
// marked in its entries, and a changed node knows what stood there before.
const YamlNode* InjectDefaults(Reading* reading, YamlDocument* document);

}  // namespace orch::flow
