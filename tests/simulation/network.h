// A simulated network between workers and the control plane: streams that delay, lose, double and
// reorder messages, that clog, and that are cut.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/random.h"
#include "controlplane/dispatch/dispatch.h"
#include "tests/simulation/sim_executor.h"
#include "tests/simulation/sometimes.h"
#include "worker/session/link.h"

namespace orch::simulation {

namespace v1 = ::orch::v1;

struct NetworkFaults {
  absl::Duration delay_max = absl::Milliseconds(20);
  double drop_rate = 0;     // A single message vanishes on a live stream.
  double double_rate = 0;   // It arrives twice.
  double reorder_rate = 0;  // It is overtaken.
  double cut_rate = 0;      // The stream breaks with this message.
};

class Network {
 public:
  Network(ManualClock& clock, SimExecutor& world, Random& random, Sometimes& sometimes)
      : clock_(clock), world_(world), random_(random), sometimes_(sometimes) {}

  // Where streams arrive; nullptr while nobody listens.
  void Listen(dispatch::Dispatch* dispatch, Executor* executor) {
    dispatch_ = dispatch;
    dispatch_executor_ = executor;
    if (dispatch == nullptr) CutAll();
  }
  void SetFaults(const NetworkFaults& faults) { faults_ = faults; }
  // No stream gets through, in both directions, until it is healed.
  void Partition(const std::string& worker, bool cut);
  void CutAll();

  // What passes, for the checker.
  std::function<void(const v1::ControlMessage&)> on_delivered;

  class Stream;
  std::unique_ptr<worker::Link> NewLink(const std::string& worker, Executor& executor);

 private:
  friend class Stream;
  class WorkerLink;

  absl::Duration Delay();
  absl::Duration clock() { return clock_.Boottime(); }

  ManualClock& clock_;
  SimExecutor& world_;
  Random& random_;
  Sometimes& sometimes_;
  dispatch::Dispatch* dispatch_ = nullptr;
  Executor* dispatch_executor_ = nullptr;
  NetworkFaults faults_;
  std::map<std::string, bool> partitioned_;
  std::map<int64_t, std::shared_ptr<Stream>> streams_;
  int64_t next_stream_ = 1;
};

}  // namespace orch::simulation
