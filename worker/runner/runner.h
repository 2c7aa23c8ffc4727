// Runner does the work of a worker: it is the Spawn that a session is given.
//
// A task in C++ (sdk-cpp) runs on a pool of a few threads and ends with the process. A script runs
// under a shim and outlives it: the next Runner over the same folder takes it up again.
//
// Threads     The methods of Spawn on the strand. Starts a pool and a watcher; what these find out
//             comes to the strand in one queue, in order.
// Ownership   Keeps references to what it is given, and the folder's contents.
// Memory      An entry per attempt; at most `attempt_count_max`.
// Durability  A script's folder stays until Release or Abandon, and as long as its shim runs.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "worker/runner/script_job.h"
#include "worker/runner/types.h"
#include "worker/session/files.h"
#include "worker/session/spawn.h"

namespace orch::worker {

class Runner final : public Spawn {
 public:
  struct Options {
    std::string folder;    // Holds attempts/ and workspaces/; exists.
    ScriptHost host;       // `workspaces` is set by the runner.
    int thread_count = 4;  // Of the pool.
    int attempt_count_max = 4'000;
    // How long a task in C++ may take to notice that it was stopped.
    absl::Duration stop_grace = absl::Seconds(5);
  };

  // `types` outlives the runner and does not change.
  Runner(Options options, Clock& clock, Executor& executor, Files& files,
         const TypeRegistry& types);
  // Waits for tasks on the pool. Shims go on.
  ~Runner() override;

  std::vector<Found> Recover(Listener* listener) override;
  absl::Status Start(const v1::Assign& assign, absl::Duration deadline,
                     Listener* listener) override;
  void Stop(const v1::LeaseToken& token, v1::Stop::Reason reason) override;
  void Abandon(const v1::LeaseToken& token) override;
  void SetDeadline(const v1::LeaseToken& token, absl::Duration deadline) override;
  void Release(const v1::LeaseToken& token) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace orch::worker
