// Line is one worker session's connection, as dispatch sees it: messages out. What comes in, the owner of the
// line hands to Dispatch::OnMessage and OnClosed.
//
// Threads     Called on dispatch's executor; must only hand over.
// Memory      Keeps what was sent until it has left; bounded by the credits and leases of its session.
#pragma once

#include "orch/v1/worker.pb.h"

namespace orch::dispatch {

namespace v1 = ::orch::v1;

class Line {
 public:
  virtual ~Line() = default;
  // Messages leave in order. Sending on a line that is gone is no error.
  virtual void Send(v1::ControlMessage message) = 0;
  // Ends it once everything sent before has left. OnClosed is not called for it.
  virtual void Close() = 0;
};

}  // namespace orch::dispatch
