#include "cli/dev/flows_folder.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/errors.h"
#include "base/status_macros.h"
#include "cli/offline/sources.h"

namespace orch::cli {

FlowsFolder::FlowsFolder(std::string folder, Apply apply, Told told)
    : folder_(std::move(folder)), apply_(std::move(apply)), told_(std::move(told)) {}

absl::Status FlowsFolder::Watch() {
  watch_.Reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watch_.valid()) return ErrnoError(errno, "watch " + folder_);
  return WatchBelow(folder_);
}

absl::Status FlowsFolder::WatchBelow(const std::string& folder) {
  // A watch that is there already is the same watch again.
  if (inotify_add_watch(watch_.get(), folder.c_str(),
                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR) < 0) {
    return ErrnoError(errno, "watch " + folder);
  }
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_directory(error) && !at->is_symlink(error)) {
      ORCH_RETURN_IF_ERROR(WatchBelow(at->path().string()));
    }
  }
  return absl::OkStatus();
}

void FlowsFolder::Drain() {
  char events[16 * 1024];
  while (read(watch_.get(), events, sizeof(events)) > 0) {
  }
  // A new folder brings watches of its own. One that has gone meanwhile is no harm.
  WatchBelow(folder_).IgnoreError();
}

void FlowsFolder::Sync() {
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    const auto extension = at->path().extension();
    if (at->is_regular_file(error) && (extension == ".yaml" || extension == ".yml")) {
      files.push_back(at->path().string());
    }
  }
  if (files.empty()) return;
  for (const std::string& file : files) {
    const auto sources = GatherSources({file});
    if (!sources.ok()) continue;  // Gone, or not yet readable: its next event comes.
    const std::string& text = sources->front().text;
    const auto known = applied_.find(file);
    if (known != applied_.end() && known->second == text) continue;
    if (text.empty()) continue;  // An editor that is about to write.
    const absl::Status status = apply_(text);
    // What could not be reached is tried again; what was refused waits for a change.
    if (status.code() != absl::StatusCode::kUnavailable) applied_[file] = text;
    told_(file, status);
  }
}

}  // namespace orch::cli
