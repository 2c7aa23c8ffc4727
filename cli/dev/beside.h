#pragma once

#include <string>
#include <string_view>

namespace orch::cli {

// The path of an executable in the folder of this one.
std::string Beside(std::string_view name);

}  // namespace orch::cli
