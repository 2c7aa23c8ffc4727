#pragma once

namespace orch::worker {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace orch::worker
