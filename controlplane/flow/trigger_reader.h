// Triggers, SLAs and checks: the shapes of what runs beside a flow's tasks. Internal to flow/.
#pragma once

#include "controlplane/flow/reading.h"
#include "controlplane/flow/yaml.h"

namespace orch::flow {

void ReadTriggers(Reading* reading, const YamlNode& list);
void ReadSlas(Reading* reading, const YamlNode& list);
void ReadChecks(Reading* reading, const YamlNode& list);

}  // namespace orch::flow
