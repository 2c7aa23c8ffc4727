#pragma once

namespace orch::cli {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace orch::cli
