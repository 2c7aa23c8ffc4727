// World is the whole of Orch in one thread under one seed: control plane, store, network, workers, and
// those who start and kill executions. First it is hurt, then it is let heal; then it must have settled.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/manual_clock.h"
#include "base/random.h"
#include "controlplane/conductor/strand.h"
#include "controlplane/dispatch/dispatch.h"
#include "controlplane/dispatch/log_intake.h"
#include "controlplane/engine/decide.h"
#include "controlplane/flow/flow.h"
#include "controlplane/flow/task_types.h"
#include "controlplane/store/faulty_store.h"
#include "controlplane/store/simulated_store.h"
#include "expression/renderer.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/flow_generator.h"
#include "tests/simulation/network.h"
#include "tests/simulation/sim_executor.h"
#include "tests/simulation/sometimes.h"
#include "tests/simulation/worker_host.h"

namespace orch::simulation {

// Drawn from the seed: each world takes a random part of the faults.
struct WorldOptions {
  int worker_count = 2;
  int execution_count = 6;
  NetworkFaults network;
  store::FaultRates store;
  double kill_worker_rate = 0;  // Per second of the bad phase.
  double crash_worker_rate = 0;
  double kill_control_rate = 0;
  double pause_control_rate = 0;
  double partition_rate = 0;
  double kill_execution_rate = 0;
  absl::Duration offline;
  double slow_rate = 0;
  absl::Duration bad_phase = absl::Minutes(2);

  static WorldOptions Draw(Random& random);
  std::string Describe() const;
};

class World {
 public:
  World(uint64_t seed, Sometimes& sometimes);
  World(uint64_t seed, WorldOptions options, Sometimes& sometimes);
  ~World();

  // The whole story. Empty when all went well, else what was violated.
  std::string Run();

  // The same for the same seed, whenever and wherever it is run.
  uint64_t hash() const { return checker_.hash() ^ static_cast<uint64_t>(world_.step_count()); }
  const WorldOptions& options() const { return options_; }
  int64_t steps() const { return world_.step_count(); }

 private:
  struct ControlPlane;
  struct Started {
    GeneratedFlow flow;
    bool asked = false;
    bool acknowledged = false;
    bool killed = false;
  };

  void StartControlPlane();
  void KillControlPlane();
  // It stops in its tracks while another one takes over, then goes on as if nothing had been.
  void PauseControlPlane();
  void StartExecutions();
  void Submit(const std::string& id);
  void KillExecution(const std::string& id);
  void HurtForAWhile();
  void Heal();
  bool Settled() const;
  std::string CheckEnds() const;
  std::string WhyNotSettled() const;

  const uint64_t seed_;
  Sometimes& sometimes_;
  SeededRandom random_;
  WorldOptions options_;
  ManualClock clock_;
  SimExecutor world_{clock_};
  Checker checker_;
  store::SimulatedStore below_;
  store::FaultyStore store_;
  std::unique_ptr<flow::TaskTypes> types_;
  expression::Renderer renderer_;
  engine::Environment environment_;
  Network network_;
  std::vector<std::unique_ptr<ControlPlane>> graves_;
  std::unique_ptr<ControlPlane> control_;
  int64_t control_starts_ = 0;
  std::vector<std::unique_ptr<WorkerHost>> workers_;
  std::map<std::string, Started> started_;
  std::vector<std::string> order_;
};

}  // namespace orch::simulation
