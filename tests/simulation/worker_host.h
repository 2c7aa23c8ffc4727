// A machine with a worker on it: the process may die and come back, what its shims run goes on, and the
// spool's durable part stays. A zombie's session goes on while another one runs.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/manual_clock.h"
#include "base/random.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/network.h"
#include "tests/simulation/sim_executor.h"
#include "tests/simulation/sometimes.h"
#include "worker/session/session.h"
#include "worker/session/spawn.h"
#include "worker/spool/memory_spool.h"

namespace orch::simulation {

class WorkerHost {
 public:
  struct Options {
    std::string name;
    int slots = 4;
    std::vector<std::string> types;
    absl::Duration offline;
    absl::Duration work_max = absl::Seconds(2);  // Longest task, most of the time.
    double slow_rate = 0;                        // Tasks that take up to ten minutes.
  };

  WorkerHost(Options options, ManualClock& clock, SimExecutor& world, Network& network,
             Checker& checker, Sometimes& sometimes, uint64_t seed);
  ~WorkerHost();

  void Start();
  // kill -9 of the worker process: shims run on.
  void Kill();
  // The whole machine goes: shims too, and what was not durable.
  void Crash();
  bool up() const { return process_ != nullptr; }
  const std::string& name() const { return options_.name; }
  int64_t running_count() const { return static_cast<int64_t>(attempts_.size()); }

 private:
  struct Process;
  // An attempt as its shim holds it.
  struct Attempt {
    v1::Assign assign;
    absl::Duration ends_at;
    absl::Duration deadline;
    bool ended = false;
    bool stopped = false;
    v1::Result result;
    std::vector<v1::LogLine> lines;
    size_t told = 0;
  };
  class SimSpawn;

  const Options options_;
  ManualClock& clock_;
  SimExecutor& world_;
  Network& network_;
  Checker& checker_;
  Sometimes& sometimes_;
  SeededRandom random_;
  int64_t starts_ = 0;
  std::map<worker::TokenKey, Attempt> attempts_;  // On disk and under shims: survives the process.
  std::unique_ptr<worker::MemorySpool> spool_;    // Survives the process.
  std::unique_ptr<Process> process_;
};

}  // namespace orch::simulation
