#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/unique_fd.h"

namespace orch::cli {

// FlowsFolder applies the flows of a folder, and applies a file again when it changes.
//
// What is removed from the folder stays on the server: taking a flow away is a deed of its own.
//
// Threads     Not thread-safe.
class FlowsFolder {
 public:
  // Brings a file's text to the server.
  using Apply = std::function<absl::Status(const std::string& text)>;
  // Told about each file: with what was wrong, or OK.
  using Told = std::function<void(const std::string& path, const absl::Status& status)>;

  FlowsFolder(std::string folder, Apply apply, Told told);

  // Begins to watch. Call it before the first Sync, so that no change falls in between.
  //   kNotFound, …  there is no such folder, or the system has no watch left.
  absl::Status Watch();

  // Applies every file that is new or has changed since the last time.
  void Sync();

  // Readable when something has changed; -1 before Watch.
  int fd() const { return watch_.get(); }

  // Takes in what the watch reports. Call Sync afterwards.
  void Drain();

 private:
  absl::Status WatchBelow(const std::string& folder);

  const std::string folder_;
  const Apply apply_;
  const Told told_;
  UniqueFd watch_;
  std::map<std::string, std::string> applied_;  // Path to text.
};

}  // namespace orch::cli
