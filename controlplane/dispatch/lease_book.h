// LeaseBook remembers which worker session holds which run, and until when.
//
// A lease is a promise with an end. Its holder may work until then, moves the end by every renewal
// that names it, and must stop when it has passed. Dispatch leans on one invariant: a run has at most
// one lease in the book.
//
// Time        Reads no clock. Each call takes `now`, boot time, which never goes backwards.
// Threads     Not thread-safe; lives on its strand.
// Memory      One entry per lease until it is released.
// Durability  None. At a takeover Load fills it from the leased rows, with full new terms.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "controlplane/conductor/dispatcher.h"

namespace orch::dispatch {

namespace v1 = ::orch::v1;

std::string KeyOf(const v1::LeaseToken& token);

class LeaseBook {
 public:
  struct Entry {
    conductor::LeasedRun lease;
    std::string session;  // "" until somebody presents it after a takeover.
    std::string worker_id;
    absl::Duration expires_at;  // Boot time.
    absl::Duration renewed_at;
    absl::Duration times_out_at = absl::InfiniteDuration();  // Its timeout and 5 s.
    bool sent = false;                                       // Its Assign has left.
    bool confirmed = false;                                  // A renewal, or a Hello, has named it.
    int missing_count = 0;                                   // Renewals in a row that left it out.
  };

  void Grant(const std::string& session, const std::string& worker_id, conductor::LeasedRun lease,
             absl::Duration now);
  // Each lease with a full new term; all count as confirmed, since nobody knows better.
  void Load(const std::vector<conductor::LeasedRun>& leases, absl::Duration now);
  Entry* Find(const v1::LeaseToken& token);
  const Entry* Find(const v1::LeaseToken& token) const;
  // Names the session that presents a lease, and gives it a new term. False when it has ended.
  bool Adopt(const v1::LeaseToken& token, const std::string& session, absl::Duration now);
  // A new term for the leases named, and those among them that are not in the book or not the
  // session's. `left_out` gets the session's sent leases that were left out twice.
  std::vector<v1::LeaseToken> Renew(const std::string& session,
                                    const std::vector<v1::LeaseToken>& held, absl::Duration now,
                                    std::vector<v1::LeaseToken>* left_out);
  // Ending one that is gone is no error.
  void Release(const v1::LeaseToken& token);
  // Leases whose holder has been silent beyond ttl + offline, oldest first. They stay until released.
  std::vector<v1::LeaseToken> Expired(absl::Duration now) const;
  // Leases whose timeout passed 5 s ago.
  // Each is told once.
  std::vector<v1::LeaseToken> TimedOut(absl::Duration now);
  // All leases of a worker, under whatever session.
  std::vector<v1::LeaseToken> OfWorker(const std::string& worker_id) const;
  void Clear();
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  int64_t CountOfSession(const std::string& session) const;

 private:
  void SetExpiry(const std::string& key, Entry& entry, absl::Duration now);
  void Insert(Entry entry, absl::Duration now);

  absl::flat_hash_map<std::string, Entry> entries_;
  std::map<std::string, std::set<std::string>> by_session_;
  std::map<std::string, std::set<std::string>> by_worker_;
  std::set<std::pair<absl::Duration, std::string>> by_expiry_;
  std::set<std::pair<absl::Duration, std::string>> by_timeout_;
};

}  // namespace orch::dispatch
