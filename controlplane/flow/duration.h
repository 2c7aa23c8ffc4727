// Durations as the language writes them.
#pragma once

#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace orch::flow {

// `PT5S`, `P1DT2H30M`, `-PT1.5S`, or a number of seconds (`90`, `1.5`); nullopt for anything else.
std::optional<absl::Duration> ParseDuration(std::string_view text);

}  // namespace orch::flow
