#include "cli/dev/beside.h"

#include <filesystem>

namespace orch::cli {

std::string Beside(std::string_view name) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (error ? std::filesystem::path() : self.parent_path()) / std::string(name);
}

}  // namespace orch::cli
