// EventStream is how a handler tells one follower what happens, as it happens.
//
// Threads     Thread-safe. Callbacks come on any thread, must only hand over, and never while a
// method
//             of the stream is being called by the same thread.
// Memory      What was sent and not yet taken by the network: who sends looks at `pending`.
#pragma once

#include <cstddef>
#include <functional>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace orch::api {

class EventStream {
 public:
  virtual ~EventStream() = default;
  // Sends one event; does not block. False when nobody listens any more.
  virtual bool Send(const google::protobuf::Message& event) = 0;
  // Events that the network has not taken yet.
  virtual size_t pending() const = 0;
  // Ends the stream after what was sent. Before the first event an error is an ordinary answer;
  // afterwards the stream just ends.
  virtual void End(const absl::Status& status) = 0;
  // Calls `drained` each time that pending falls to 0, and `closed` once when the stream has ended,
  // at once if it has. Set once.
  virtual void Listen(std::function<void()> drained, std::function<void()> closed) = 0;
};

}  // namespace orch::api
