#include "worker/session/session.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "worker/session/errors.h"

namespace orch::worker {
namespace {

constexpr int kProtocol = 1;
constexpr size_t kEndedTokenCountMax = 10'000;
constexpr size_t kMetricCountMax = 10'000;
constexpr size_t kAppendBytes = 256 << 10;  // Of lines that the spool takes at once.
constexpr absl::Duration kBackoffMin = absl::Milliseconds(100);
constexpr absl::Duration kBackoffMax = absl::Seconds(5);

// The name of a message of the contract, for Unsupported.
std::string NameOf(const v1::ControlMessage& message) {
  switch (message.message_case()) {
    case v1::ControlMessage::kDemand: return "Demand";
    case v1::ControlMessage::kRecall: return "Recall";
    default: return "unknown";
  }
}

}  // namespace

Session::Session(Options options, Clock& clock, Random& random, Executor& executor, Link& link,
                 Spawn& spawn, Spool& spool, SessionObserver& observer)
    : options_(std::move(options)),
      clock_(clock),
      random_(random),
      executor_(executor),
      link_(link),
      spawn_(spawn),
      spool_(spool),
      observer_(observer) {}

Session::~Session() {
  *alive_ = false;
  for (TimerId* timer :
       {&reconnect_timer_, &welcome_timer_, &renewal_timer_, &deadline_timer_, &drain_timer_}) {
    Disarm(timer);
  }
  if (open_) link_.Close();
}

void Session::Start() {
  const absl::Duration now = clock_.Boottime();
  heard_at_ = now;
  offline_ = options_.offline;

  Spool::Contents contents = spool_.Load();
  for (const Spool::StreamState& state : contents.streams) {
    Stream& stream = StreamOf(TokenKey(state.token));
    stream.last_line = state.last_line;
    stream.acked_line = stream.sent_line = state.acked_line;
    stream.open = false;
    stream.progress_at = now;
  }
  for (v1::Result& result : contents.results) {
    const TokenKey key(result.token());
    Lease& lease = leases_[key];
    lease.subject = result.subject();
    lease.heard_at = now;
    lease.finished = lease.durable = true;
    lease.result_bytes = static_cast<int64_t>(result.ByteSizeLong());
    lease.result = std::move(result);
    result_bytes_ += lease.result_bytes;
    results_ready_.push_back(key);
  }
  for (const Spawn::Found& found : spawn_.Recover(this)) {
    const TokenKey key(found.assign.token());
    if (leases_.contains(key)) {  // Its result was kept; only the folder is left of it.
      spawn_.Release(found.assign.token());
      continue;
    }
    if (found.deadline <= now) {
      spawn_.Abandon(found.assign.token());
      CloseStream(key);
      observer_.OnLeaseEnded(found.assign.token());
      continue;
    }
    Lease& lease = leases_[key];
    lease.subject = found.assign.subject();
    lease.offline =
        found.assign.has_offline() ? absl::Microseconds(found.assign.offline().micros()) : offline_;
    lease.heard_at = std::min(now, found.deadline - ttl_ - lease.offline);
    ++running_count_;
    Stream& stream = StreamOf(key);
    stream.open = true;
    stream.level_min = found.assign.log_level();
    stream.skip_count = stream.last_line;
  }
  ArmDeadlineTimer();
  Connect();
}

void Session::Connect() {
  if (ended_) return;
  open_ = true;
  welcomed_ = line_draining_ = false;
  hello_at_ = clock_.Boottime();
  link_.Open(this);
  writing_ = true;
  link_.Send(MakeHello());
  welcome_timer_ = After(options_.welcome_timeout, [this] {
    welcome_timer_ = kNoTimer;
    Disconnect(NoWelcome(options_.welcome_timeout));
  });
}

void Session::OnClosed(const absl::Status& why) {
  open_ = false;
  Disconnect(why);
}

void Session::Disconnect(const absl::Status& why) {
  if (ended_) return;
  if (open_) link_.Close();
  open_ = welcomed_ = writing_ = false;
  Disarm(&welcome_timer_);
  Disarm(&renewal_timer_);
  outbox_.clear();
  renewals_.clear();
  renewal_due_ = false;

  const int doublings = std::min(failure_count_++, 10);
  const absl::Duration base = std::min(kBackoffMin * (1 << doublings), kBackoffMax);
  const absl::Duration delay = base * (0.5 + 0.5 * random_.Unit());
  observer_.OnDisconnected(why, delay);
  Disarm(&reconnect_timer_);
  reconnect_timer_ = After(delay, [this] {
    reconnect_timer_ = kNoTimer;
    Connect();
  });
}

v1::WorkerMessage Session::MakeHello() const {
  v1::WorkerMessage message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_protocol(kProtocol);
  hello.set_worker_id(options_.worker_id);
  hello.set_session(options_.session);
  hello.set_sdk(options_.sdk);
  hello.set_hostname(options_.hostname);
  hello.add_groups(options_.group);
  for (const v1::Label& label : options_.labels) *hello.add_labels() = label;
  hello.set_slots(options_.slots);
  for (const v1::TypeOffer& type : options_.types) *hello.add_types() = type;
  for (const auto& [key, lease] : leases_) {
    v1::HeldLease& held = *hello.add_held();
    *held.mutable_token() = key.ToProto();
    *held.mutable_subject() = lease.subject;
    held.set_finished(lease.finished);
  }
  if (options_.offline > absl::ZeroDuration()) {
    hello.mutable_offline()->set_micros(absl::ToInt64Microseconds(options_.offline));
  }
  return message;
}

void Session::OnMessage(const v1::ControlMessage& message) {
  if (ended_) return;
  // A machine that slept learns first what it may no longer do.
  if (clock_.Boottime() - checked_at_ > absl::Seconds(1)) CheckDeadlines();
  switch (message.message_case()) {
    case v1::ControlMessage::kWelcome: HandleWelcome(message.welcome()); break;
    case v1::ControlMessage::kAssignments:
      for (const v1::Assign& assign : message.assignments().assigns()) HandleAssign(assign);
      break;
    case v1::ControlMessage::kStop: HandleStop(message.stop()); break;
    case v1::ControlMessage::kDrain: {
      line_draining_ = true;
      v1::WorkerMessage answer;
      answer.mutable_draining()->set_reason(message.drain().reason());
      Enqueue(std::move(answer));
      break;
    }
    case v1::ControlMessage::kAcks:
      for (const v1::Ack& ack : message.acks().acks()) HandleAck(ack);
      break;
    case v1::ControlMessage::kLogAcks:
      for (const v1::LogAck& ack : message.log_acks().acks()) HandleLogAck(ack);
      break;
    case v1::ControlMessage::kRenewalAnswer: HandleRenewalAnswer(message.renewal_answer()); break;
    case v1::ControlMessage::kSchemaWanted: HandleSchemaWanted(message.schema_wanted()); break;
    case v1::ControlMessage::kRefused: HandleRefused(message.refused()); return;
    case v1::ControlMessage::kPing: {
      v1::WorkerMessage pong;
      pong.mutable_pong()->set_number(message.ping().number());
      Enqueue(std::move(pong));
      break;
    }
    case v1::ControlMessage::kUnsupported: break;  // Told; there is nothing to do about it.
    case v1::ControlMessage::kDemand:
    case v1::ControlMessage::kRecall:
    case v1::ControlMessage::MESSAGE_NOT_SET: {
      v1::WorkerMessage answer;
      answer.mutable_unsupported()->set_message(NameOf(message));
      answer.mutable_unsupported()->set_reason("a worker does not answer this message");
      Enqueue(std::move(answer));
      break;
    }
  }
  EndIfDrained();
  Pump();
}

void Session::HandleWelcome(const v1::Welcome& welcome) {
  if (welcomed_) return;  // Told twice.
  Disarm(&welcome_timer_);
  welcomed_ = true;
  failure_count_ = 0;
  if (welcome.ttl().micros() > 0) ttl_ = absl::Microseconds(welcome.ttl().micros());
  if (welcome.has_offline()) offline_ = absl::Microseconds(welcome.offline().micros());
  heard_at_ = hello_at_;
  for (const v1::Verdict& verdict : welcome.verdicts()) {
    const TokenKey key(verdict.token());
    auto it = leases_.find(key);
    if (it == leases_.end()) continue;
    switch (verdict.word()) {
      case v1::Verdict::STOP: ForgetLease(key, /*abandon=*/true); break;
      case v1::Verdict::CONTINUE:
      case v1::Verdict::NOT_YET: Hear(key, it->second, hello_at_); break;
      default: break;  // A word of a later version: keep working, and hear by the next renewal.
    }
  }
  // Whatever was on the old line may not have arrived.
  results_ready_.clear();
  for (auto& [key, lease] : leases_) {
    lease.sent = false;
    if (lease.durable) results_ready_.push_back(key);
  }
  log_bytes_in_flight_ = 0;
  for (auto& [key, stream] : streams_) {
    stream.progress_at = clock_.Boottime();
    stream.in_flight.clear();
    stream.sent_line = stream.acked_line;
    QueueStream(key, stream);
  }
  credit_told_ = -1;
  if (draining_) {
    v1::WorkerMessage message;
    message.mutable_draining();
    Enqueue(std::move(message));
  }
  renewal_timer_ = After(ttl_ / 3, [this] { RenewalTick(); });
  ArmDeadlineTimer();
  observer_.OnWelcome(welcome);
}

void Session::HandleAssign(const v1::Assign& assign) {
  ++received_;
  const TokenKey key(assign.token());
  if (auto it = leases_.find(key); it != leases_.end()) {
    if (it->second.finished && it->second.durable && it->second.sent) {  // Say so again.
      it->second.sent = false;
      results_ready_.push_back(key);
    }
    return;
  }
  if (ended_tokens_.contains(key)) return;
  if (draining_) return ReturnLease(assign, "the worker is draining");
  if (running_count_ >= options_.slots || held_count() >= options_.lease_count_max) {
    return ReturnLease(assign, "the worker has no free slot");
  }
  // A newer lease of the attempt: what the older one runs can no longer count.
  TokenKey first;
  first.attempt = key.attempt;
  for (auto it = leases_.lower_bound(first); it != leases_.end() && it->first < key;) {
    const TokenKey older = (it++)->first;
    ForgetLease(older, /*abandon=*/true);
  }

  const absl::Duration offline =
      assign.has_offline() ? absl::Microseconds(assign.offline().micros()) : offline_;
  const absl::Status started = spawn_.Start(assign, heard_at_ + ttl_ + offline, this);
  if (!started.ok()) return ReturnLease(assign, std::string(started.message()));
  Lease& lease = leases_[key];
  lease.subject = assign.subject();
  lease.heard_at = heard_at_;
  lease.offline = offline;
  ++running_count_;
  StreamOf(key).level_min = assign.log_level();
  ArmDeadlineTimer(DeadlineOf(lease));
}

void Session::ReturnLease(const v1::Assign& assign, const std::string& reason) {
  v1::WorkerMessage message;
  v1::LeaseReturned& returned = *message.mutable_lease_returned();
  *returned.mutable_token() = assign.token();
  *returned.mutable_subject() = assign.subject();
  returned.set_reason(reason);
  Enqueue(std::move(message));
}

void Session::HandleStop(const v1::Stop& stop) {
  const TokenKey key(stop.token());
  auto it = leases_.find(key);
  if (it == leases_.end()) {  // Nothing to stop: say that nothing is held.
    v1::WorkerMessage message;
    *message.mutable_lease_returned()->mutable_token() = stop.token();
    message.mutable_lease_returned()->set_reason("not held");
    Enqueue(std::move(message));
    return;
  }
  if (!it->second.finished) {
    spawn_.Stop(stop.token(), stop.reason());
  } else if (it->second.durable && it->second.sent) {
    it->second.sent = false;
    results_ready_.push_back(key);
  }
}

void Session::HandleAck(const v1::Ack& ack) {
  const TokenKey key(ack.token());
  auto it = leases_.find(key);
  if (it == leases_.end() || !it->second.finished) return;
  ForgetLease(key, /*abandon=*/false);
}

void Session::HandleLogAck(const v1::LogAck& ack) {
  const TokenKey key(ack.token());
  auto it = streams_.find(key);
  if (it == streams_.end()) return;
  Stream& stream = it->second;
  const int64_t through = std::min(ack.through_line(), stream.sent_line);
  if (through <= stream.acked_line) return;
  stream.acked_line = through;
  stream.progress_at = clock_.Boottime();
  while (!stream.in_flight.empty() && stream.in_flight.front().through <= through) {
    log_bytes_in_flight_ -= stream.in_flight.front().bytes;
    stream.in_flight.pop_front();
  }
  spool_.RemoveLines(ack.token(), through);
  if (!stream.open && stream.acked_line == stream.last_line && !leases_.contains(key)) {
    spool_.RemoveStream(ack.token());
    streams_.erase(it);
  }
}

void Session::HandleRenewalAnswer(const v1::RenewalAnswer& answer) {
  const auto it = std::find_if(renewals_.begin(), renewals_.end(), [&](const SentRenewal& sent) {
    return sent.number == answer.number();
  });
  if (it == renewals_.end()) return;  // Of an earlier line, or told twice.
  const SentRenewal sent = std::move(*it);
  renewals_.erase(renewals_.begin(), it + 1);  // Older ones are covered by this one.
  heard_at_ = std::max(heard_at_, sent.at);
  std::map<TokenKey, bool> over;
  for (const v1::LeaseToken& token : answer.ended()) over[TokenKey(token)] = true;
  for (const TokenKey& key : sent.held) {
    auto lease = leases_.find(key);
    if (lease == leases_.end()) continue;
    if (!over.contains(key)) {
      Hear(key, lease->second, sent.at);
    } else if (!lease->second.finished) {
      ForgetLease(key, /*abandon=*/true);
    } else if (lease->second.durable && lease->second.sent) {
      lease->second.sent = false;  // What it thinks of the result, its Ack must say.
      results_ready_.push_back(key);
    }
  }
  ArmDeadlineTimer();
}

void Session::HandleSchemaWanted(const v1::SchemaWanted& wanted) {
  for (const std::string& digest : wanted.digests()) {
    for (const v1::CatalogEntry& entry : options_.catalog) {
      if (entry.schema_digest() != digest) continue;
      v1::WorkerMessage message;
      *message.mutable_catalog()->add_entries() = entry;
      Enqueue(std::move(message));
    }
  }
}

void Session::HandleRefused(const v1::Refused& refused) {
  End(HelloRefused(refused.code(), refused.message()));
}

void Session::OnLines(const v1::LeaseToken& token, std::vector<v1::LogLine> lines) {
  const TokenKey key(token);
  auto it = leases_.find(key);
  if (ended_ || it == leases_.end() || it->second.finished) return;
  Stream& stream = StreamOf(key);
  v1::LogLines kept;
  *kept.mutable_token() = token;
  size_t bytes = 0;
  const auto append = [&] {
    if (kept.lines_size() == 0) return;
    kept.set_first_line(stream.last_line + 1);
    stream.last_line += kept.lines_size();
    spool_.AppendLines(kept);
    kept.clear_lines();
    bytes = 0;
  };
  for (v1::LogLine& line : lines) {
    if (line.level() < stream.level_min) continue;
    if (stream.skip_count > 0) {
      --stream.skip_count;
      continue;
    }
    bytes += line.text().size();
    *kept.add_lines() = std::move(line);
    if (bytes >= kAppendBytes) append();
  }
  append();
  QueueStream(key, stream);
  Pump();
}

void Session::OnMetric(v1::Metric metric) {
  if (ended_ || !leases_.contains(TokenKey(metric.token()))) return;
  if (metrics_.size() >= kMetricCountMax) metrics_.pop_front();  // The oldest tell least.
  metrics_.push_back(std::move(metric));
  Pump();
}

void Session::OnEnd(v1::Result result) {
  const TokenKey key(result.token());
  auto it = leases_.find(key);
  if (ended_ || it == leases_.end() || it->second.finished) return;
  Lease& lease = it->second;
  --running_count_;
  *result.mutable_subject() = lease.subject;
  Stream& stream = StreamOf(key);
  result.set_line_count(stream.last_line);
  lease.finished = true;
  lease.result_bytes = static_cast<int64_t>(result.ByteSizeLong());
  result_bytes_ += lease.result_bytes;
  lease.result = std::move(result);
  CloseStream(key);
  spool_.PutResult(lease.result, [this, alive = alive_, key](absl::Status kept) {
    if (!*alive || ended_) return;
    auto found = leases_.find(key);
    if (found == leases_.end() || found->second.durable) return;
    if (kept.ok()) {
      spawn_.Release(key.ToProto());
    } else {
      observer_.OnSpoolTrouble(kept);
    }
    found->second.durable = true;
    results_ready_.push_back(key);
    Pump();
  });
  EndIfDrained();
  Pump();
}

void Session::ForgetLease(const TokenKey& key, bool abandon) {
  auto it = leases_.find(key);
  if (it == leases_.end()) return;
  const bool finished = it->second.finished;
  if (finished) {
    result_bytes_ -= it->second.result_bytes;
    spool_.RemoveResult(key.ToProto());
    spawn_.Release(key.ToProto());
  } else {
    --running_count_;
    if (abandon) spawn_.Abandon(key.ToProto());
  }
  leases_.erase(it);
  CloseStream(key);
  Remember(key);
}

void Session::Remember(const TokenKey& key) {
  if (!ended_tokens_.emplace(key, true).second) return;
  ended_order_.push_back(key);
  if (ended_order_.size() > kEndedTokenCountMax) {
    ended_tokens_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
}

Session::Stream& Session::StreamOf(const TokenKey& key) { return streams_[key]; }

void Session::QueueStream(const TokenKey& key, Stream& stream) {
  if (stream.queued || stream.sent_line >= stream.last_line) return;
  stream.queued = true;
  log_turns_.push_back(key);
}

void Session::CloseStream(const TokenKey& key) {
  auto it = streams_.find(key);
  if (it == streams_.end()) return;
  Stream& stream = it->second;
  stream.open = false;
  stream.progress_at = clock_.Boottime();
  if (stream.acked_line < stream.last_line || leases_.contains(key)) return;
  if (stream.last_line > 0) spool_.RemoveStream(key.ToProto());
  streams_.erase(it);
}

void Session::Drain(const std::string& reason) {
  if (ended_ || draining_) return;
  draining_ = true;
  if (welcomed_) {
    v1::WorkerMessage message;
    message.mutable_draining()->set_reason(reason);
    Enqueue(std::move(message));
  }
  executor_.Post([this, alive = alive_] {
    if (*alive) EndIfDrained();
  });
  Pump();
}

void Session::EndIfDrained() {
  if (!draining_ || ended_ || running_count_ > 0) return;
  if (leases_.empty() && streams_.empty()) return End(absl::OkStatus());
  // What is not acknowledged in time stays in the spool for the next start.
  if (drain_timer_ == kNoTimer) {
    drain_timer_ = After(options_.drain_timeout, [this] {
      drain_timer_ = kNoTimer;
      if (running_count_ == 0) End(absl::OkStatus());
    });
  }
}

void Session::Halt() {
  if (ended_) return;
  for (const auto& [key, lease] : leases_) {
    if (!lease.finished) spawn_.Abandon(key.ToProto());
  }
  End(absl::OkStatus());
}

void Session::End(const absl::Status& why) {
  if (ended_) return;
  ended_ = true;
  if (open_) link_.Close();
  open_ = welcomed_ = writing_ = false;
  for (TimerId* timer :
       {&reconnect_timer_, &welcome_timer_, &renewal_timer_, &deadline_timer_, &drain_timer_}) {
    Disarm(timer);
  }
  observer_.OnEnded(why);
}

TimerId Session::After(absl::Duration delay, std::function<void()> work) {
  return executor_.PostAt(delay, [alive = alive_, work = std::move(work)] {
    if (*alive) work();
  });
}

void Session::Disarm(TimerId* timer) {
  if (*timer != kNoTimer) executor_.Cancel(*timer);
  *timer = kNoTimer;
}

}  // namespace orch::worker
