// How long a session's leases last: renewals, deadlines, and what is told again.
#include <algorithm>
#include <utility>
#include <vector>

#include "worker/session/errors.h"
#include "worker/session/session.h"

namespace orch::worker {
namespace {

// Executors do not count the time a machine sleeps, so deadlines are looked at this often.
constexpr absl::Duration kDeadlineLook = absl::Seconds(5);
// Lines of an attempt that has ended, and that nobody acknowledges, are given up after this.
constexpr absl::Duration kStaleStream = absl::Minutes(1);

}  // namespace

absl::Duration Session::DeadlineOf(const Lease& lease) const {
  return lease.heard_at + ttl_ + lease.offline;
}

void Session::Hear(const TokenKey& key, Lease& lease, absl::Duration sent_at) {
  if (sent_at <= lease.heard_at) return;
  lease.heard_at = sent_at;
  if (!lease.finished) spawn_.SetDeadline(key.ToProto(), DeadlineOf(lease));
}

void Session::RenewalTick() {
  const absl::Duration now = clock_.Boottime();
  if (!renewals_.empty() && now - renewals_.front().at >= ttl_) {
    // The line swallows what we say. A new one may not.
    renewal_timer_ = kNoTimer;
    return Disconnect(LineIsSilent(now - renewals_.front().at));
  }
  renewal_due_ = true;
  credit_told_ = -1;  // Told again, in case it was lost on the way.
  renewal_timer_ = After(ttl_ / 3, [this] { RenewalTick(); });
  ResendOldResults();
  DropStaleStreams();
  EndIfDrained();
  Pump();
}

void Session::ResendOldResults() {
  const absl::Duration now = clock_.Boottime();
  for (auto& [key, lease] : leases_) {
    if (!lease.sent || now - lease.sent_at < ttl_ / 3) continue;
    lease.sent = false;
    results_ready_.push_back(key);
  }
}

void Session::DropStaleStreams() {
  const absl::Duration now = clock_.Boottime();
  for (auto it = streams_.begin(); it != streams_.end();) {
    auto& [key, stream] = *it;
    if (stream.open || leases_.contains(key) || stream.sent_line < stream.last_line ||
        now - stream.progress_at < kStaleStream) {
      ++it;
      continue;
    }
    for (const Stream::Chunk& chunk : stream.in_flight) log_bytes_in_flight_ -= chunk.bytes;
    spool_.RemoveStream(key.ToProto());
    it = streams_.erase(it);
  }
}

void Session::CheckDeadlines() {
  const absl::Duration now = clock_.Boottime();
  checked_at_ = now;
  std::vector<TokenKey> over;
  for (const auto& [key, lease] : leases_) {
    if (!lease.finished && DeadlineOf(lease) <= now) over.push_back(key);
  }
  for (const TokenKey& key : over) {
    ForgetLease(key, /*abandon=*/true);
    observer_.OnLeaseEnded(key.ToProto());
  }
}

void Session::ArmDeadlineTimer(absl::Duration deadline) {
  if (running_count_ == 0 || ended_) return;
  if (deadline_timer_ != kNoTimer) {
    if (deadline >= deadline_due_) return;
    Disarm(&deadline_timer_);
  } else {
    for (const auto& [key, lease] : leases_) {
      if (!lease.finished) deadline = std::min(deadline, DeadlineOf(lease));
    }
  }
  const absl::Duration now = clock_.Boottime();
  const absl::Duration delay = std::clamp(deadline - now, absl::Milliseconds(1), kDeadlineLook);
  deadline_due_ = now + delay;
  deadline_timer_ = After(delay, [this] {
    deadline_timer_ = kNoTimer;
    CheckDeadlines();
    ArmDeadlineTimer();
    EndIfDrained();
    Pump();
  });
}

}  // namespace orch::worker
