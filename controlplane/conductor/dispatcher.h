// What the strand and dispatch ask of each other. Both live on the same executor; every call is
// made there, and none calls back before it returns unless it says so.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "orch/v1/rows.pb.h"
#include "orch/v1/worker.pb.h"

namespace orch::conductor {

namespace v1 = ::orch::v1;

// A worker's slot that was set aside for one run.
struct Slot {
  std::string session;
  std::string worker_id;
  absl::Duration ttl;
  absl::Duration offline;
};

// A lease as a row names it: for the book of leases at a takeover, and when one is given.
struct LeasedRun {
  v1::LeaseToken token;
  std::string tenant;
  std::string namespace_;
  std::string flow_id;
  std::string execution_id;
  int64_t run = 0;
  std::string task_id;
  v1::Lease lease;
  std::vector<std::string> secrets;  // Values to scrub from lines.
};

// Dispatch, as the strand sees it: who has a free slot, and how to reach whoever holds a lease.
class Dispatcher {
 public:
  virtual ~Dispatcher() = default;

  // Sets a slot aside for a run of `type` in `queue`; nothing when no session has one to spare.
  virtual std::optional<Slot> Reserve(const std::string& queue, const std::string& type) = 0;
  // Gives a reserved slot back.
  virtual void Cancel(const Slot& slot) = 0;
  // The lease is decided, and stands in the next batch: remember it, but tell nobody yet.
  virtual void Grant(const Slot& slot, const LeasedRun& lease) = 0;
  // The lease is durable: send it. Sending to a session that is gone is no error.
  virtual void Assign(const std::string& session, v1::Assign assign) = 0;
  virtual void Stop(const std::string& session, const v1::LeaseToken& token,
                    v1::Stop::Reason reason) = 0;
  virtual void Ack(const std::string& session, const v1::LeaseToken& token, v1::Ack::Word word,
                   const std::string& reason) = 0;
  // The lease has ended, by whatever cause. Its late lines are accepted until a newer one is given.
  virtual void Release(const v1::LeaseToken& token) = 0;
  // After a takeover: the leases that the rows name, each with a full new term. Lines of those with
  // secret names are held back until SetSecrets.
  virtual void Load(const std::vector<LeasedRun>& leases) = 0;
  // The values, or nothing when they cannot be had any more.
  virtual void SetSecrets(const v1::LeaseToken& token,
                          std::optional<std::vector<std::string>> values) = 0;
  // Memory was dropped: forget all leases.
  virtual void Forget() = 0;
  // Why a run of this kind waits, for people.
  virtual std::string WhyWaiting(const std::string& queue, const std::string& type) const = 0;
};

// The strand, as dispatch sees it: what happened to leases.
class LeaseEvents {
 public:
  enum class Standing {
    kHeld,      // The row gives this attempt to this token, and it runs.
    kStopping,  // It is being killed.
    kEnded,     // It has ended, or never was.
    kNotYet,    // A takeover is under way.
  };

  virtual ~LeaseEvents() = default;

  // Whether leases can be judged: false while a takeover is under way.
  virtual bool CanJudge() const = 0;
  // Slots have come free in `queue`: waiting runs may ask for them, from within this call.
  virtual void SlotsFreed(const std::string& queue) = 0;
  virtual Standing Judge(const v1::LeaseToken& token) const = 0;
  // The secrets that an attempt was given. Lost ones cannot be looked for: all is sealed then.
  struct Secrets {
    std::vector<std::string> values;
    bool lost = false;
  };
  // A result whose outputs are an object within the limits. It is answered through Dispatcher::Ack,
  // after its commit when it changes something.
  virtual void Ended(const std::string& session, const v1::Result& result,
                     const Secrets& secrets) = 0;
  virtual void Expired(const v1::LeaseToken& token) = 0;
  // `begun`: its start had been confirmed, so an attempt is lost.
  virtual void Returned(const v1::LeaseToken& token, bool begun, const std::string& reason) = 0;
  // Its time is over and the worker has said nothing.
  virtual void TimedOut(const v1::LeaseToken& token) = 0;
};

}  // namespace orch::conductor
