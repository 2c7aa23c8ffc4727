// GrpcLink is a Link over one bidirectional gRPC stream (callback API).
//
// Threads     Methods on the strand. gRPC's threads only hand over: what arrives is posted to the
//             executor, and reading pauses while eight messages wait there.
// Ownership   Keeps a channel. The destructor cancels the stream and waits until gRPC has let go.
// Memory      Eight messages read, one being written.
#pragma once

#include <memory>

#include "base/executor.h"
#include "worker/link/channel.h"
#include "worker/session/link.h"

namespace orch::worker {

class GrpcLink final : public Link {
 public:
  GrpcLink(std::shared_ptr<Channel> channel, Executor& executor);
  ~GrpcLink() override;

  void Open(Listener* listener) override;
  void Send(const v1::WorkerMessage& message) override;
  void Close() override;

 private:
  struct State;
  class Call;
  std::shared_ptr<State> state_;
};

}  // namespace orch::worker
