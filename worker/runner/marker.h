#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace orch::worker {

// What a marker stands for.
struct LateField {
  enum class Kind { kWorkingDir, kOutputDir, kOutputFile };
  Kind kind = Kind::kWorkingDir;
  std::string name;  // Of kOutputFile.
};

// `json` with the markers of `nonce` (worker.proto, Assign.marker_nonce) replaced by what `fill`
// says, escaped for a JSON string. What only looks like a marker stays.
std::string FillMarkers(std::string_view json, std::string_view nonce,
                        const std::function<std::string(const LateField&)>& fill);

}  // namespace orch::worker
