// Link is the worker's one line to the control plane: it dials, carries messages both ways, and
// says when it is cut.
//
// Invariant: at most one connection at a time. After Close, and after OnClosed, the listener hears
// nothing more of that connection.
//
// Threads     All calls, and all calls of the listener, are made on the session's strand; a
// listener
//             is never called inside a call of the link.
// Memory      Keeps one message that is being written.
#pragma once

#include "absl/status/status.h"
#include "orch/v1/worker.pb.h"

namespace orch::worker {

class Link {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;

    virtual void OnMessage(const v1::ControlMessage& message) = 0;

    // The message given to Send has left; the next may be sent. Whether it arrived is not known.
    virtual void OnSent() = 0;

    // The connection is gone, or never came about. What was sent may or may not have arrived.
    virtual void OnClosed(const absl::Status& why) = 0;
  };

  virtual ~Link() = default;

  // Dials. A message may be sent at once; it leaves when the connection stands. `listener` outlives
  // the connection. Not while one is open.
  virtual void Open(Listener* listener) = 0;

  // Sends a message of less than 1 MiB. Only when nothing is being written: after Open, or OnSent.
  virtual void Send(const v1::WorkerMessage& message) = 0;

  // Ends the connection; OnClosed is not called. Closing what is closed is harmless.
  virtual void Close() = 0;
};

}  // namespace orch::worker
