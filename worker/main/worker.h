// EmbeddedWorker is a whole worker inside a process: session, spool, link and runner, wired.
//
// Threads     Methods from any thread. Starts a strand, a pool of tasks, a watcher and a writer.
// Ownership   Owns its data folder while it lives; a lock keeps a second worker out.
// Durability  Results and scripts outlive it, in the data folder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/link/channel.h"
#include "worker/runner/types.h"

namespace orch::worker {

struct WorkerOptions {
  ChannelOptions channel;
  std::string data;  // Folder of its own; made if it is missing.
  std::string shim;  // Path of orch-shim; empty: beside this executable.
  std::string name;  // For people; empty: the host's.
  std::string group = "default";
  int slots = 4;  // 1 to 2,000
  std::vector<std::pair<std::string, std::string>> labels;
  absl::Duration offline;  // Asked of the control plane.
  std::vector<std::string> pass_env;
  bool docker_as_process = false;  // --task-runner process
};

class EmbeddedWorker {
 public:
  // Starts, and keeps trying to reach the control plane.
  //   kInvalidArgument     an option is wrong; the message names it.
  //   kFailedPrecondition  another worker holds the data folder, or it cannot be used.
  static absl::StatusOr<std::unique_ptr<EmbeddedWorker>> Start(WorkerOptions options,
                                                               TypeRegistry types);
  // Halts, unless it has ended.
  ~EmbeddedWorker();

  // Takes no more work, finishes what runs, then ends.
  void Drain(const std::string& reason);

  // Kills what runs and ends.
  void Halt();

  // How the worker ended; nullopt if it has not within `timeout`. OK after a drain or halt, else
  // why the control plane refused it.
  std::optional<absl::Status> WaitUntilEnded(absl::Duration timeout);

  bool connected() const;

 private:
  struct Parts;
  explicit EmbeddedWorker(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace orch::worker
