// Spawn does the work of attempts: it starts them, stops them, and tells what they print and how
// they end.
//
// Invariant: a started attempt ends with one OnEnd, unless it was abandoned first. No line, metric
// or end of an attempt is told after that, or after Abandon.
//
// Threads     All calls, and all calls of the listener, are made on the session's strand; a
// listener
//             is never called inside a call of Spawn.
// Durability  Attempts that outlive the process are found again by Recover.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "orch/v1/worker.pb.h"

namespace orch::worker {

class Spawn {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;

    // Lines in their order, each of at most 10,240 characters, with secrets scrubbed. A recovered
    // attempt tells its lines from the first again, the same as before.
    virtual void OnLines(const v1::LeaseToken& token, std::vector<v1::LogLine> lines) = 0;

    // A measurement; its token is set.
    virtual void OnMetric(v1::Metric metric) = 0;

    // The attempt is over. Token, state, outputs, error and times are set; the listener adds
    // subject and line count.
    virtual void OnEnd(v1::Result result) = 0;
  };

  // An attempt of an earlier process that is still at work, or has ended without being reported.
  struct Found {
    v1::Assign assign;        // As it was given; config may be absent.
    absl::Duration deadline;  // Boot time at which its lease ends.
  };

  virtual ~Spawn() = default;

  // Takes up the attempts that an earlier process left, once, before anything else. What was not
  // begun, or has vanished without a trace, is not among them.
  virtual std::vector<Found> Recover(Listener* listener) = 0;

  // Starts an attempt. Returns at once.
  //   kInvalidArgument    there is no such type here, or the assignment is broken. Give it back.
  //   kResourceExhausted  no room. Give it back.
  virtual absl::Status Start(const v1::Assign& assign, absl::Duration deadline,
                             Listener* listener) = 0;

  // Kills an attempt, descendants included; OnEnd follows with KILLED, or with how it ended just
  // before. Stopping twice, or what is unknown, is harmless.
  virtual void Stop(const v1::LeaseToken& token, v1::Stop::Reason reason) = 0;

  // Kills an attempt and forgets it: no OnEnd.
  virtual void Abandon(const v1::LeaseToken& token) = 0;

  // Moves the boot time at which the attempt must be dead even if this process is.
  virtual void SetDeadline(const v1::LeaseToken& token, absl::Duration deadline) = 0;

  // The result is safe elsewhere: what was kept of an attempt that has ended may go.
  virtual void Release(const v1::LeaseToken& token) = 0;
};

}  // namespace orch::worker
