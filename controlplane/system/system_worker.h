// SystemWorker is the worker inside each control plane: it runs the tasks on the control plane's own
// tables (kv.*) under leases like any other.
//
// A task is one small transaction, keyed by its attempt: told twice, it answers the same.
//
// Threads     Its line and timers live on dispatch's executor; tasks run on the background executor.
// Memory      At most `slots` tasks under way.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/executor.h"
#include "controlplane/catalog/key_values.h"
#include "controlplane/dispatch/dispatch.h"

namespace orch::system {

namespace v1 = ::orch::v1;

class SystemWorker final : public dispatch::Line {
 public:
  struct Options {
    std::string owner;  // This replica.
    int slots = 64;
    absl::Duration renewal = absl::Seconds(10);
  };

  SystemWorker(Options options, Executor& executor, Executor& background,
               dispatch::Dispatch& dispatch, catalog::KeyValues& keys);
  ~SystemWorker() override;

  // Says Hello. On the executor; again after dispatch has closed the line.
  void Start();

  // dispatch::Line
  void Send(v1::ControlMessage message) override;
  void Close() override;

 private:
  void Handle(const v1::ControlMessage& message);
  void Run(const v1::Assign& assign);
  void Report(v1::Result result);
  void Renew();
  void Credit();

  const Options options_;
  Executor& executor_;
  Executor& background_;
  dispatch::Dispatch& dispatch_;
  catalog::KeyValues& keys_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  int64_t connection_ = 0;
  int64_t session_number_ = 0;
  bool open_ = false;
  int64_t received_ = 0;
  int64_t renewal_number_ = 0;
  std::map<std::string, v1::Result> held_;  // By attempt; the result once there is one.
  TimerId renewal_timer_ = kNoTimer;
};

// Runs one system task. Pure but for the catalog; blocks. Exposed for its tests.
v1::Result RunSystemTask(const v1::Assign& assign, catalog::KeyValues& keys);

}  // namespace orch::system
