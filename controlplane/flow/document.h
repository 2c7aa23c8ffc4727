// A Flow as the API's JSON shows it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "controlplane/flow/flow.h"

namespace orch::flow {

// {"id","namespace","revision","disabled","deleted",…} and the rest of the document as it was
// written: labels as a list, base properties at their default and nulls left out. With `source`,
// the text too.
std::string FlowJson(const Flow& flow, bool deleted = false,
                     std::optional<std::string_view> source = std::nullopt);

}  // namespace orch::flow
