// What leaves dispatch: batches of acks, assignments and confirmed lines; and what time brings.
#include <utility>

#include "base/log.h"
#include "controlplane/dispatch/dispatch.h"

namespace orch::dispatch {

// ---- Sending ---------------------------------------------------------------------------------------

void Dispatch::FlushLater() {
  if (flush_posted_) return;
  flush_posted_ = true;
  executor_.Post([this, alive = alive_] {
    if (!*alive) return;
    flush_posted_ = false;
    FlushAll();
  });
}

void Dispatch::FlushAll() {
  for (auto& [id, session] : sessions_) Flush(*session);
}

void Dispatch::Flush(Session& session) {
  if (session.line == nullptr) return;
  const auto send = [&](v1::ControlMessage& message) {
    session.line->Send(std::exchange(message, v1::ControlMessage()));
  };
  if (!session.acks.empty()) {
    v1::ControlMessage message;
    for (v1::Ack& ack : session.acks) *message.mutable_acks()->add_acks() = std::move(ack);
    session.acks.clear();
    send(message);
  }
  if (!session.assigns.empty()) {
    v1::ControlMessage message;
    int64_t bytes = 0;
    for (v1::Assign& assign : session.assigns) {
      const int64_t size = static_cast<int64_t>(assign.ByteSizeLong());
      if (message.assignments().assigns_size() >= options_.assigns_per_message ||
          (bytes > 0 && bytes + size > options_.message_bytes_max)) {
        send(message);
        bytes = 0;
      }
      *message.mutable_assignments()->add_assigns() = std::move(assign);
      bytes += size;
    }
    session.assigns.clear();
    send(message);
  }
  if (!session.log_acks.empty()) {
    v1::ControlMessage message;
    for (v1::LogAck& ack : session.log_acks) {
      *message.mutable_log_acks()->add_acks() = std::move(ack);
    }
    session.log_acks.clear();
    send(message);
  }
}

void Dispatch::AckLines(const std::string& session_id, const v1::LeaseToken& token,
                        int64_t through_line) {
  Session* session = FindSession(session_id);
  if (session == nullptr || session->line == nullptr) return;
  v1::LogAck ack;
  *ack.mutable_token() = token;
  ack.set_through_line(through_line);
  session->log_acks.push_back(std::move(ack));
  FlushLater();
}

void Dispatch::DrainAll(const std::string& reason) {
  for (auto& [id, session] : sessions_) {
    if (session->line == nullptr) continue;
    v1::ControlMessage message;
    message.mutable_drain()->set_reason(reason);
    session->line->Send(std::move(message));
  }
}

// ---- Time ------------------------------------------------------------------------------------------

void Dispatch::Tick() {
  tick_timer_ = executor_.PostAt(options_.tick, [this, alive = alive_] {
    if (!*alive) return;
    Tick();
  });
  if (!events_.CanJudge()) return;
  const absl::Duration now = clock_.Boottime();
  for (const v1::LeaseToken& token : book_.Expired(now)) events_.Expired(token);
  for (const v1::LeaseToken& token : book_.TimedOut(now)) events_.TimedOut(token);
}

// ---- Looking ---------------------------------------------------------------------------------------

std::vector<Dispatch::WorkerInfo> Dispatch::Workers() const {
  std::vector<WorkerInfo> workers;
  for (const auto& [id, session] : sessions_) {
    WorkerInfo info;
    info.worker_id = session->worker_id;
    info.session = id;
    info.hostname = session->hello.hostname();
    info.sdk = session->hello.sdk();
    info.groups.assign(session->queues.begin(), session->queues.end());
    info.labels.assign(session->hello.labels().begin(), session->hello.labels().end());
    info.types.assign(session->types.begin(), session->types.end());
    info.slots = session->hello.slots();
    info.leases = book_.CountOfSession(id);
    info.free = Available(*session);
    info.connected = session->line != nullptr;
    info.draining = session->draining;
    info.silent_for = clock_.Boottime() - session->heard_at;
    workers.push_back(std::move(info));
  }
  return workers;
}

const conductor::LeasedRun* Dispatch::FindLease(const v1::LeaseToken& token) const {
  const LeaseBook::Entry* entry = book_.Find(token);
  return entry == nullptr ? nullptr : &entry->lease;
}

}  // namespace orch::dispatch
