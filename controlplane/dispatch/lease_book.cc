#include "controlplane/dispatch/lease_book.h"

#include <utility>

namespace orch::dispatch {

namespace {
// The worker enforces a timeout; the owner does so later, in case it does not.
constexpr absl::Duration kTimeoutGrace = absl::Seconds(5);
constexpr int kMissingCountMax = 2;

void EraseFrom(std::map<std::string, std::set<std::string>>& sets, const std::string& name,
               const std::string& key) {
  const auto found = sets.find(name);
  if (found == sets.end()) return;
  found->second.erase(key);
  if (found->second.empty()) sets.erase(found);
}
}  // namespace

std::string KeyOf(const v1::LeaseToken& token) {
  return token.attempt() + "#" + std::to_string(token.fence());
}

void LeaseBook::SetExpiry(const std::string& key, Entry& entry, absl::Duration now) {
  by_expiry_.erase({entry.expires_at, key});
  entry.renewed_at = now;
  entry.expires_at = now + absl::Microseconds(entry.lease.lease.ttl_micros()) +
                     absl::Microseconds(entry.lease.lease.offline_micros());
  by_expiry_.insert({entry.expires_at, key});
}

void LeaseBook::Insert(Entry entry, absl::Duration now) {
  const std::string key = KeyOf(entry.lease.token);
  if (!entry.session.empty()) by_session_[entry.session].insert(key);
  by_worker_[entry.worker_id].insert(key);
  if (entry.times_out_at != absl::InfiniteDuration()) {
    by_timeout_.insert({entry.times_out_at, key});
  }
  Entry& kept = entries_[key];
  kept = std::move(entry);
  SetExpiry(key, kept, now);
}

void LeaseBook::Grant(const std::string& session, const std::string& worker_id,
                      conductor::LeasedRun lease, absl::Duration now) {
  Entry entry;
  entry.session = session;
  entry.worker_id = worker_id;
  if (lease.lease.timeout_micros() > 0) {
    entry.times_out_at = now + absl::Microseconds(lease.lease.timeout_micros()) + kTimeoutGrace;
  }
  entry.lease = std::move(lease);
  Insert(std::move(entry), now);
}

void LeaseBook::Load(const std::vector<conductor::LeasedRun>& leases, absl::Duration now) {
  for (const conductor::LeasedRun& lease : leases) {
    Entry entry;
    entry.worker_id = lease.lease.worker_id();
    entry.confirmed = true;
    entry.sent = true;
    if (lease.lease.timeout_micros() > 0) {
      entry.times_out_at = now + absl::Microseconds(lease.lease.timeout_micros()) + kTimeoutGrace;
    }
    entry.lease = lease;
    Insert(std::move(entry), now);
  }
}

LeaseBook::Entry* LeaseBook::Find(const v1::LeaseToken& token) {
  const auto found = entries_.find(KeyOf(token));
  return found == entries_.end() ? nullptr : &found->second;
}

const LeaseBook::Entry* LeaseBook::Find(const v1::LeaseToken& token) const {
  const auto found = entries_.find(KeyOf(token));
  return found == entries_.end() ? nullptr : &found->second;
}

bool LeaseBook::Adopt(const v1::LeaseToken& token, const std::string& session, absl::Duration now) {
  const std::string key = KeyOf(token);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  if (!entry.session.empty()) EraseFrom(by_session_, entry.session, key);
  entry.session = session;
  entry.confirmed = true;
  entry.sent = true;
  entry.missing_count = 0;
  by_session_[session].insert(key);
  SetExpiry(key, entry, now);
  return true;
}

std::vector<v1::LeaseToken> LeaseBook::Renew(const std::string& session,
                                             const std::vector<v1::LeaseToken>& held,
                                             absl::Duration now,
                                             std::vector<v1::LeaseToken>* left_out) {
  std::vector<v1::LeaseToken> unknown;
  std::set<std::string> named;
  for (const v1::LeaseToken& token : held) {
    const std::string key = KeyOf(token);
    named.insert(key);
    const auto found = entries_.find(key);
    if (found == entries_.end() || found->second.session != session) {
      unknown.push_back(token);
      continue;
    }
    found->second.confirmed = true;
    found->second.missing_count = 0;
    SetExpiry(key, found->second, now);
  }
  const auto own = by_session_.find(session);
  if (own == by_session_.end()) return unknown;
  for (const std::string& key : own->second) {
    if (named.contains(key)) continue;
    Entry& entry = entries_.at(key);
    if (entry.sent && ++entry.missing_count >= kMissingCountMax) {
      left_out->push_back(entry.lease.token);
    }
  }
  return unknown;
}

void LeaseBook::Release(const v1::LeaseToken& token) {
  const std::string key = KeyOf(token);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  by_expiry_.erase({entry.expires_at, key});
  by_timeout_.erase({entry.times_out_at, key});
  EraseFrom(by_session_, entry.session, key);
  EraseFrom(by_worker_, entry.worker_id, key);
  entries_.erase(found);
}

std::vector<v1::LeaseToken> LeaseBook::Expired(absl::Duration now) const {
  std::vector<v1::LeaseToken> expired;
  for (const auto& [at, key] : by_expiry_) {
    if (at > now) break;
    expired.push_back(entries_.at(key).lease.token);
  }
  return expired;
}

std::vector<v1::LeaseToken> LeaseBook::TimedOut(absl::Duration now) {
  std::vector<v1::LeaseToken> timed_out;
  while (!by_timeout_.empty() && by_timeout_.begin()->first <= now) {
    timed_out.push_back(entries_.at(by_timeout_.begin()->second).lease.token);
    by_timeout_.erase(by_timeout_.begin());
  }
  return timed_out;
}

std::vector<v1::LeaseToken> LeaseBook::OfWorker(const std::string& worker_id) const {
  std::vector<v1::LeaseToken> tokens;
  const auto found = by_worker_.find(worker_id);
  if (found == by_worker_.end()) return tokens;
  for (const std::string& key : found->second) tokens.push_back(entries_.at(key).lease.token);
  return tokens;
}

int64_t LeaseBook::CountOfSession(const std::string& session) const {
  const auto found = by_session_.find(session);
  return found == by_session_.end() ? 0 : static_cast<int64_t>(found->second.size());
}

void LeaseBook::Clear() {
  entries_.clear();
  by_session_.clear();
  by_worker_.clear();
  by_expiry_.clear();
  by_timeout_.clear();
}

}  // namespace orch::dispatch
