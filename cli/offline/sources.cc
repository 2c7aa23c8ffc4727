#include "cli/offline/sources.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "cli/exit_code.h"

namespace orch::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBytesMax = 16 * 1024 * 1024;

bool IsYaml(const fs::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

absl::StatusOr<std::vector<std::string>> FilesBelow(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_regular_file(error) && IsYaml(at->path())) files.push_back(at->path().string());
  }
  if (error) return UsageError(absl::StrCat("cannot read ", folder, ": ", error.message()));
  if (files.empty()) return UsageError(absl::StrCat(folder, " holds no *.yaml and no *.yml"));
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> Matches(const std::string& pattern) {
  std::vector<std::string> files;
  glob_t found;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  globfree(&found);
  return files;
}

}  // namespace

absl::StatusOr<std::vector<Source>> GatherSources(const std::vector<std::string>& arguments) {
  std::vector<Source> sources;
  std::set<std::string> seen;
  const auto read = [&](const std::string& path) -> absl::Status {
    std::error_code error;
    const fs::path canonical = fs::weakly_canonical(path, error);
    if (!seen.insert(error ? path : canonical.string()).second) return absl::OkStatus();
    auto text = ReadFile(path, kBytesMax);
    if (!text.ok()) return WithExitCode(text.status(), kUsage);
    sources.push_back({path, *std::move(text)});
    return absl::OkStatus();
  };
  for (const std::string& argument : arguments) {
    std::error_code error;
    if (argument == "-") {
      if (!seen.insert("-").second) continue;
      sources.push_back({"-", std::string(std::istreambuf_iterator<char>(std::cin), {})});
    } else if (fs::is_directory(argument, error)) {
      ORCH_ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesBelow(argument));
      for (const std::string& file : files) ORCH_RETURN_IF_ERROR(read(file));
    } else if (fs::exists(argument, error)) {
      ORCH_RETURN_IF_ERROR(read(argument));
    } else if (argument.find_first_of("*?[") != std::string::npos) {
      const std::vector<std::string> files = Matches(argument);
      if (files.empty()) return UsageError(absl::StrCat("nothing matches ", argument));
      for (const std::string& file : files) {
        if (!fs::is_directory(file, error)) ORCH_RETURN_IF_ERROR(read(file));
      }
    } else {
      return UsageError(absl::StrCat("there is no file ", argument));
    }
  }
  return sources;
}

}  // namespace orch::cli
