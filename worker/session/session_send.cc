// What a session says next, and when.
#include <algorithm>
#include <utility>

#include "worker/session/session.h"

namespace orch::worker {
namespace {

constexpr int kResultCountMax = 50;              // A message.
constexpr int64_t kMessageBytesMax = 900 << 10;  // Leaves room for framing below 1 MiB.
constexpr int64_t kLogBytesPerMessage = 256 << 10;
constexpr int64_t kMetricBytesPerMessage = 128 << 10;
constexpr size_t kOutboxCountMax = 4'000;

}  // namespace

void Session::OnSent() {
  writing_ = false;
  Pump();
}

void Session::Enqueue(v1::WorkerMessage message) {
  // Full only when the other side floods us and reads nothing; renewals then tell what is held.
  if (outbox_.size() >= kOutboxCountMax) return;
  outbox_.push_back(std::move(message));
}

void Session::Pump() {
  if (!welcomed_ || writing_ || ended_) return;
  v1::WorkerMessage message;
  if (!NextMessage(&message)) return;
  writing_ = true;
  link_.Send(message);
}

// Results, renewals and small answers overtake lines.
bool Session::NextMessage(v1::WorkerMessage* message) {
  if (TakeResults(message)) return true;
  if (TakeRenewal(message)) return true;
  if (!outbox_.empty()) {
    *message = std::move(outbox_.front());
    outbox_.pop_front();
    return true;
  }
  if (TakeCredit(message)) return true;
  return TakeProgress(message);
}

bool Session::TakeResults(v1::WorkerMessage* message) {
  int64_t bytes = 0;
  const absl::Duration now = clock_.Boottime();
  while (!results_ready_.empty()) {
    auto it = leases_.find(results_ready_.front());
    if (it == leases_.end() || it->second.sent) {  // Settled, or named twice.
      results_ready_.pop_front();
      continue;
    }
    Lease& lease = it->second;
    const int count = message->has_results() ? message->results().results_size() : 0;
    if (count > 0 && (count == kResultCountMax || bytes + lease.result_bytes > kMessageBytesMax)) {
      break;
    }
    bytes += lease.result_bytes;
    *message->mutable_results()->add_results() = lease.result;
    lease.sent = true;
    lease.sent_at = now;
    results_ready_.pop_front();
  }
  return message->has_results();
}

bool Session::TakeRenewal(v1::WorkerMessage* message) {
  if (!renewal_due_) return false;
  renewal_due_ = false;
  SentRenewal sent{++renewal_number_, clock_.Boottime(), {}};
  sent.held.reserve(leases_.size());
  v1::Renewal& renewal = *message->mutable_progress()->mutable_renewal();
  renewal.set_number(sent.number);
  for (const auto& [key, lease] : leases_) {
    *renewal.add_held() = key.ToProto();
    sent.held.push_back(key);
  }
  renewals_.push_back(std::move(sent));
  return true;
}

int Session::FreeSlots() const {
  if (draining_ || line_draining_ || result_bytes_ >= options_.result_bytes_max) return 0;
  const int room = options_.lease_count_max - static_cast<int>(leases_.size());
  return std::max(0, std::min(options_.slots - running_count_, room));
}

// The sum of free slots and assignments received is what the control plane may have sent in all; it
// changes only when a slot becomes free, so an assignment alone needs no new credit.
bool Session::TakeCredit(v1::WorkerMessage* message) {
  const int free = FreeSlots();
  if (free + received_ == credit_told_) return false;
  credit_told_ = free + received_;
  v1::Credit& credit = *message->mutable_credit();
  credit.set_queue(options_.group);
  credit.set_slots(free);
  credit.set_received(received_);
  return true;
}

bool Session::TakeProgress(v1::WorkerMessage* message) {
  int64_t room = std::min(options_.log_bytes_max - log_bytes_in_flight_, kLogBytesPerMessage);
  while (room > 0 && !log_turns_.empty()) {
    const TokenKey key = log_turns_.front();
    log_turns_.pop_front();
    auto it = streams_.find(key);
    if (it == streams_.end()) continue;
    Stream& stream = it->second;
    stream.queued = false;
    v1::LogLines lines = spool_.ReadLines(key.ToProto(), stream.sent_line + 1, room);
    if (lines.first_line() == 0) continue;
    const int64_t bytes = static_cast<int64_t>(lines.ByteSizeLong());
    stream.sent_line = lines.first_line() + lines.lines_size() - 1;
    stream.in_flight.push_back({stream.sent_line, bytes});
    log_bytes_in_flight_ += bytes;
    room -= bytes;
    *message->mutable_progress()->add_logs() = std::move(lines);
    QueueStream(key, stream);
  }
  for (int64_t bytes = 0; bytes < kMetricBytesPerMessage && !metrics_.empty();) {
    bytes += static_cast<int64_t>(metrics_.front().ByteSizeLong());
    *message->mutable_progress()->add_metrics() = std::move(metrics_.front());
    metrics_.pop_front();
  }
  return message->has_progress();
}

}  // namespace orch::worker
