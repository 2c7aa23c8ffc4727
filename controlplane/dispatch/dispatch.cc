#include "controlplane/dispatch/dispatch.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "expression/json.h"

namespace orch::dispatch {

namespace {
constexpr char kDefaultQueue[] = "default";
constexpr char kInvalidResult[] = "INVALID_RESULT";
constexpr size_t kResultsWaitingMax = 20'000;
constexpr int64_t kOutputFileBytesMax = int64_t{16} << 20;
constexpr int kRenewalCountMax = 20'000;
}  // namespace

Dispatch::Dispatch(Options options, Clock& clock, Executor& executor,
                   conductor::LeaseEvents& events, LogIntake& logs, DispatchHooks hooks)
    : options_(options),
      clock_(clock),
      executor_(executor),
      events_(events),
      logs_(logs),
      hooks_(std::move(hooks)) {
  Tick();
}

Dispatch::~Dispatch() {
  *alive_ = false;
  if (tick_timer_ != kNoTimer) executor_.Cancel(tick_timer_);
}

// ---- Connections -----------------------------------------------------------------------------------

int64_t Dispatch::Open(Line& line) {
  const int64_t connection = next_connection_++;
  lines_[connection] = &line;
  return connection;
}

Dispatch::Session* Dispatch::SessionOf(int64_t connection) {
  const auto found = session_by_connection_.find(connection);
  return found == session_by_connection_.end() ? nullptr : FindSession(found->second);
}

Dispatch::Session* Dispatch::FindSession(const std::string& id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void Dispatch::OnClosed(int64_t connection) {
  Session* session = SessionOf(connection);
  lines_.erase(connection);
  session_by_connection_.erase(connection);
  if (session == nullptr || session->connection != connection) return;
  session->line = nullptr;
  session->credit_slots = 0;
  session->assigns.clear();  // Their leases stand; the worker will not name them, and they return.
  session->acks.clear();
  session->log_acks.clear();
  Log(LogLevel::kInfo, "a worker's line was cut",
      {{"worker", session->worker_id}, {"leases", book_.CountOfSession(session->id)}});
  if (book_.CountOfSession(session->id) == 0) DropSession(session->id);
}

void Dispatch::DropSession(const std::string& id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  for (const std::string& queue : found->second->queues) std::erase(by_queue_[queue], id);
  sessions_.erase(found);
}

void Dispatch::Refuse(int64_t connection, const std::string& code, const std::string& message) {
  const auto found = lines_.find(connection);
  if (found == lines_.end()) return;
  v1::ControlMessage answer;
  v1::Refused& refused = *answer.mutable_refused();
  refused.set_code(code);
  refused.set_message(message);
  refused.set_protocol_min(kProtocolVersion);
  refused.set_protocol_max(kProtocolVersion);
  Line* line = found->second;
  lines_.erase(found);
  line->Send(std::move(answer));
  line->Close();
}

void Dispatch::OnMessage(int64_t connection, const v1::WorkerMessage& message) {
  if (message.message_case() == v1::WorkerMessage::kHello) {
    HandleHello(connection, message.hello());
    return;
  }
  Session* session = SessionOf(connection);
  if (session == nullptr) {
    Refuse(connection, "HELLO_FIRST", "the first message of a session must be Hello");
    return;
  }
  session->heard_at = clock_.Boottime();
  switch (message.message_case()) {
    case v1::WorkerMessage::kCredit: HandleCredit(*session, message.credit()); break;
    case v1::WorkerMessage::kProgress: HandleProgress(*session, message.progress()); break;
    case v1::WorkerMessage::kResults:
      for (const v1::Result& result : message.results().results()) HandleResult(*session, result);
      break;
    case v1::WorkerMessage::kLeaseReturned:
      HandleReturned(*session, message.lease_returned());
      break;
    case v1::WorkerMessage::kDraining:
      session->draining = true;
      session->credit_slots = 0;
      break;
    case v1::WorkerMessage::kCatalog: HandleCatalog(message.catalog()); break;
    case v1::WorkerMessage::kPong:
    case v1::WorkerMessage::kUnsupported: break;
    case v1::WorkerMessage::kTriggerEvent:
      Unsupported(*session, "TriggerEvent", "this server runs no realtime triggers");
      break;
    case v1::WorkerMessage::kDemand:
      Unsupported(*session, "Demand", "this server has no peers");
      break;
    case v1::WorkerMessage::kRecall:
      Unsupported(*session, "Recall", "this server has no peers");
      break;
    case v1::WorkerMessage::kHello:
    case v1::WorkerMessage::MESSAGE_NOT_SET:
      Unsupported(*session, "unknown", "this server does not know the message; it is version 1");
      break;
  }
}

void Dispatch::Unsupported(Session& session, const std::string& message,
                           const std::string& reason) {
  if (session.line == nullptr) return;
  v1::ControlMessage answer;
  answer.mutable_unsupported()->set_message(message);
  answer.mutable_unsupported()->set_reason("UNSUPPORTED: " + reason);
  session.line->Send(std::move(answer));
}

void Dispatch::HandleHello(int64_t connection, const v1::Hello& hello) {
  const auto line = lines_.find(connection);
  if (line == lines_.end()) return;
  if (hello.protocol() != kProtocolVersion) {
    Refuse(connection, "PROTOCOL_VERSION",
           "this server speaks version 1 of the worker protocol and the worker version " +
               std::to_string(hello.protocol()) + "; use a worker of this server's release");
    return;
  }
  if (hello.session().empty() || hello.worker_id().empty()) {
    Refuse(connection, "INCOMPLETE_HELLO", "Hello needs worker_id and session; set both");
    return;
  }
  if (SessionOf(connection) != nullptr) {
    Refuse(connection, "HELLO_TWICE", "Hello may be said once on a line; dial again");
    OnClosed(connection);
    return;
  }
  if (static_cast<int>(sessions_.size()) >= options_.session_count_max) {
    Refuse(connection, "TOO_MANY_SESSIONS",
           "this server serves " + std::to_string(options_.session_count_max) +
               " workers at most; connect to another one");
    return;
  }
  const absl::Duration now = clock_.Boottime();
  // The same worker under another line or session: the newest one is the one that is alive.
  std::vector<std::string> older;
  for (const auto& [id, session] : sessions_) {
    if (session->worker_id != hello.worker_id() || session->line == nullptr) continue;
    session_by_connection_.erase(session->connection);
    lines_.erase(session->connection);
    session->line->Close();
    session->line = nullptr;
    session->credit_slots = 0;
    session->assigns.clear();
    if (id != hello.session()) older.push_back(id);
  }
  auto& session = sessions_[hello.session()];
  const bool resumed = session != nullptr;
  if (!resumed) session = std::make_unique<Session>();
  session->id = hello.session();
  session->worker_id = hello.worker_id();
  session->hello = hello;
  session->hello.clear_held();
  session->types.clear();
  for (const v1::TypeOffer& offer : hello.types()) session->types.insert(offer.type());
  for (const std::string& queue : session->queues) std::erase(by_queue_[queue], session->id);
  session->queues = std::set<std::string>(hello.groups().begin(), hello.groups().end());
  if (session->queues.empty()) session->queues.insert(kDefaultQueue);
  for (const std::string& queue : session->queues) by_queue_[queue].push_back(session->id);
  session->line = line->second;
  session->connection = connection;
  session->heard_at = now;
  session->draining = false;
  session->credit_slots = 0;
  session->credit_received = 0;
  session->credited = false;
  session->sent_at_renewal = 0;
  session->arrived_by_now = 0;
  session->sent = 0;
  session->reserved = 0;
  session->assigns.clear();
  session->acks.clear();
  session->log_acks.clear();
  session->offline = std::min(absl::Microseconds(hello.offline().micros()), options_.offline_max);
  session_by_connection_[connection] = session->id;

  v1::ControlMessage answer;
  v1::Welcome& welcome = *answer.mutable_welcome();
  welcome.set_session(session->id);
  welcome.mutable_ttl()->set_micros(absl::ToInt64Microseconds(options_.lease_ttl));
  welcome.mutable_offline()->set_micros(absl::ToInt64Microseconds(session->offline));
  welcome.set_server_micros(absl::ToUnixMicros(clock_.Now()));
  session->judged = events_.CanJudge();
  for (const v1::HeldLease& held : hello.held()) {
    v1::Verdict& verdict = *welcome.add_verdicts();
    *verdict.mutable_token() = held.token();
    verdict.set_word(JudgeHeld(*session, held));
    if (verdict.word() == v1::Verdict::NOT_YET) *session->hello.add_held() = held;
  }
  session->line->Send(std::move(answer));
  if (session->judged) ReturnUnnamed(*session);
  for (const std::string& id : older) {
    if (book_.CountOfSession(id) == 0) DropSession(id);
  }
  WantSchemas(*session);
  Log(LogLevel::kInfo, resumed ? "a worker has come back" : "a worker has connected",
      {{"worker", session->worker_id},
       {"slots", hello.slots()},
       {"types", hello.types_size()},
       {"held", hello.held_size()}});
}

v1::Verdict::Word Dispatch::JudgeHeld(Session& session, const v1::HeldLease& held) {
  using Standing = conductor::LeaseEvents::Standing;
  switch (events_.Judge(held.token())) {
    case Standing::kNotYet: return v1::Verdict::NOT_YET;
    case Standing::kHeld:
      return book_.Adopt(held.token(), session.id, clock_.Boottime()) ? v1::Verdict::CONTINUE
                                                                      : v1::Verdict::STOP;
    case Standing::kStopping:
      // The verdict is the stop; nothing will be heard of it any more.
      events_.Returned(held.token(), /*begun=*/true, "killed");
      return v1::Verdict::STOP;
    case Standing::kEnded: return v1::Verdict::STOP;
  }
  return v1::Verdict::STOP;
}

// After a takeover: the verdicts that had to wait, and the results that came meanwhile.
void Dispatch::JudgeSession(Session& session, bool tell) {
  if (session.judged) return;
  session.judged = true;
  std::vector<v1::LeaseToken> stop;
  for (const v1::HeldLease& held : session.hello.held()) {
    if (JudgeHeld(session, held) == v1::Verdict::STOP && !held.finished()) {
      stop.push_back(held.token());
    }
  }
  session.hello.clear_held();
  ReturnUnnamed(session);
  for (const v1::Result& result : std::exchange(session.results_waiting, {})) {
    HandleResult(session, result);
  }
  for (const v1::LeaseToken& token : stop) {
    if (tell) Stop(session.id, token, v1::Stop::SUPERSEDED);
  }
}

// Leases that the rows give to this worker, and that it has not named, come back.
void Dispatch::ReturnUnnamed(Session& session) {
  for (const v1::LeaseToken& token : book_.OfWorker(session.worker_id)) {
    const LeaseBook::Entry* entry = book_.Find(token);
    if (entry == nullptr ||
        (entry->session == session.id && entry->renewed_at >= session.heard_at)) {
      continue;
    }
    events_.Returned(token, entry->confirmed, "the worker came back without it");
  }
}

void Dispatch::WantSchemas(Session& session) {
  if (!hooks_.knows_schema) return;
  v1::ControlMessage wanted;
  for (const v1::TypeOffer& offer : session.hello.types()) {
    if (!offer.schema_digest().empty() &&
        !hooks_.knows_schema(offer.type(), offer.schema_digest())) {
      wanted.mutable_schema_wanted()->add_digests(offer.schema_digest());
    }
  }
  if (wanted.schema_wanted().digests_size() > 0) session.line->Send(std::move(wanted));
}

void Dispatch::HandleCatalog(const v1::Catalog& catalog) {
  if (!hooks_.keep_schema) return;
  for (const v1::CatalogEntry& entry : catalog.entries()) hooks_.keep_schema(entry);
}

// ---- Credits and offers ------------------------------------------------------------------------------

int Dispatch::Available(const Session& session) const {
  if (session.line == nullptr || session.draining) return 0;
  // An Assign that arrived twice was counted twice.
  const int64_t in_flight = std::max<int64_t>(session.sent - session.credit_received, 0);
  return static_cast<int>(session.credit_slots - in_flight - session.reserved);
}

void Dispatch::HandleCredit(Session& session, const v1::Credit& credit) {
  if (credit.received() < session.credit_received) return;  // Overtaken by a newer one.
  // The first on a line: nothing is in flight on it yet.
  if (!std::exchange(session.credited, true)) {
    session.sent = session.arrived_by_now = session.sent_at_renewal = credit.received();
  }
  // What was sent a renewal ago has arrived by now, or never will: its credit is free again.
  if (const int64_t lost = session.arrived_by_now - credit.received(); lost > 0) {
    session.sent -= lost;
    session.sent_at_renewal -= lost;
    session.arrived_by_now -= lost;
  }
  session.credit_slots = std::clamp(credit.slots(), 0, 100'000);
  session.credit_received = credit.received();
  OfferSlots(session);
}

void Dispatch::OfferSlots(const Session& session) {
  if (Available(session) <= 0) return;
  const std::set<std::string> queues = session.queues;
  for (const std::string& queue : queues) events_.SlotsFreed(queue);
}

std::optional<conductor::Slot> Dispatch::Reserve(const std::string& queue,
                                                 const std::string& type) {
  const auto found = by_queue_.find(queue);
  if (found == by_queue_.end() || found->second.empty()) return std::nullopt;
  const std::vector<std::string>& ids = found->second;
  size_t& cursor = cursor_[queue];
  for (size_t i = 0; i < ids.size(); ++i) {
    const size_t index = (cursor + i) % ids.size();
    Session& session = *sessions_.at(ids[index]);
    if (Available(session) <= 0 || !session.types.contains(type)) continue;
    cursor = (index + 1) % ids.size();
    ++session.reserved;
    return conductor::Slot{session.id, session.worker_id, options_.lease_ttl, session.offline};
  }
  return std::nullopt;
}

void Dispatch::Cancel(const conductor::Slot& slot) {
  Session* session = FindSession(slot.session);
  if (session != nullptr && session->reserved > 0) --session->reserved;
}

void Dispatch::Grant(const conductor::Slot& slot, const conductor::LeasedRun& lease) {
  book_.Grant(slot.session, slot.worker_id, lease, clock_.Boottime());
  logs_.Open(lease);
}

void Dispatch::Assign(const std::string& session_id, v1::Assign assign) {
  Session* session = FindSession(session_id);
  if (session != nullptr && session->reserved > 0) --session->reserved;
  LeaseBook::Entry* entry = book_.Find(assign.token());
  if (entry == nullptr) return;  // It ended before it left: killed, or its memory was dropped.
  if (session == nullptr || session->line == nullptr) {
    // The worker went between the match and the commit; it never heard of this lease.
    events_.Returned(assign.token(), /*begun=*/false, "the worker's line was cut before the start");
    return;
  }
  entry->sent = true;
  ++session->sent;
  session->assigns.push_back(std::move(assign));
  FlushLater();
}

void Dispatch::Stop(const std::string& session_id, const v1::LeaseToken& token,
                    v1::Stop::Reason reason) {
  // After a takeover the lease may have moved to another session of the same worker.
  const LeaseBook::Entry* entry = book_.Find(token);
  Session* session =
      FindSession(entry != nullptr && !entry->session.empty() ? entry->session : session_id);
  if (session == nullptr || session->line == nullptr) return;  // The next Hello tells it.
  // An Assign that has not left yet must not overtake its own stop.
  Flush(*session);
  v1::ControlMessage message;
  *message.mutable_stop()->mutable_token() = token;
  message.mutable_stop()->set_reason(reason);
  session->line->Send(std::move(message));
}

void Dispatch::Ack(const std::string& session_id, const v1::LeaseToken& token, v1::Ack::Word word,
                   const std::string& reason) {
  Session* session = FindSession(session_id);
  if (session == nullptr || session->line == nullptr) return;  // Told again, answered again.
  v1::Ack ack;
  *ack.mutable_token() = token;
  ack.set_word(word);
  ack.set_reason(reason);
  session->acks.push_back(std::move(ack));
  FlushLater();
}

void Dispatch::Release(const v1::LeaseToken& token) {
  const LeaseBook::Entry* entry = book_.Find(token);
  if (entry == nullptr) return;
  const std::string id = entry->session;
  book_.Release(token);
  const Session* session = FindSession(id);
  if (session != nullptr && session->line == nullptr && book_.CountOfSession(id) == 0) {
    DropSession(id);
  }
}

void Dispatch::Load(const std::vector<conductor::LeasedRun>& leases) {
  book_.Load(leases, clock_.Boottime());
  for (const conductor::LeasedRun& lease : leases) logs_.Reopen(lease);
  std::vector<std::string> ids;
  for (const auto& [id, session] : sessions_) ids.push_back(id);
  for (const std::string& id : ids) {
    Session* session = FindSession(id);
    if (session != nullptr) JudgeSession(*session, /*tell=*/true);
  }
  for (const std::string& id : ids) {
    const Session* session = FindSession(id);
    if (session != nullptr) OfferSlots(*session);
  }
}

void Dispatch::SetSecrets(const v1::LeaseToken& token,
                          std::optional<std::vector<std::string>> values) {
  logs_.SetSecrets(token, std::move(values));
  std::vector<std::string> ids;
  for (const auto& [id, session] : sessions_) ids.push_back(id);
  for (const std::string& id : ids) {
    Session* session = FindSession(id);
    if (session == nullptr || !session->judged) continue;
    for (const v1::Result& result : std::exchange(session->results_waiting, {})) {
      HandleResult(*session, result);
    }
  }
}

// Sessions stay; their leases are judged anew once the rows are loaded. What they hold is learnt by
// asking them to say Hello again.
void Dispatch::Forget() {
  book_.Clear();
  logs_.Forget();
  for (auto& [id, session] : sessions_) {
    if (session->line == nullptr) continue;
    session->line->Close();
    lines_.erase(session->connection);
    session_by_connection_.erase(session->connection);
    session->line = nullptr;
  }
  sessions_.clear();
  by_queue_.clear();
}

std::string Dispatch::WhyWaiting(const std::string& queue, const std::string& type) const {
  const auto found = by_queue_.find(queue);
  bool served = false;
  bool connected = false;
  if (found != by_queue_.end()) {
    for (const std::string& id : found->second) {
      const Session& session = *sessions_.at(id);
      connected = connected || session.line != nullptr;
      served = served || session.types.contains(type);
    }
  }
  if (!connected) return "no worker of group `" + queue + "` is connected";
  if (!served) return "no worker of group `" + queue + "` has brought `" + type + "` yet";
  return "waits for a slot in group `" + queue + "`";
}

// ---- What workers report -------------------------------------------------------------------------------

void Dispatch::HandleResult(Session& session, const v1::Result& result) {
  // Until leases can be judged, and until the secrets to look for are known, it waits. Beyond the
  // bound the worker tells it again.
  if (!events_.CanJudge() || logs_.SecretsDue(result.token())) {
    if (session.results_waiting.size() < kResultsWaitingMax) {
      session.results_waiting.push_back(result);
    }
    return;
  }
  const LeaseBook::Entry* entry = book_.Find(result.token());
  if (result.outputs_uri().empty() || !hooks_.read_outputs || entry == nullptr) {
    Report(session.id, result, options_.output_bytes_max);
    return;
  }
  hooks_.read_outputs(
      entry->lease, result.outputs_uri(),
      [this, alive = alive_, id = session.id, result](absl::StatusOr<std::string> outputs) {
        executor_.Post([this, alive, id, result, outputs = std::move(outputs)]() mutable {
          if (!*alive) return;
          v1::Result whole = std::move(result);
          if (outputs.ok()) {
            whole.mutable_outputs()->set_utf8(*std::move(outputs));
          } else {
            whole.clear_outputs();
            whole.set_state(v1::FAILED);
            whole.mutable_error()->set_code(kInvalidResult);
            whole.mutable_error()->set_message("the outputs' file cannot be read: " +
                                               std::string(outputs.status().message()));
          }
          Report(id, std::move(whole), kOutputFileBytesMax);
        });
      });
}

void Dispatch::Report(const std::string& session, v1::Result result, int64_t output_bytes_max) {
  const std::string& outputs = result.outputs().utf8();
  std::string fault;
  if (static_cast<int64_t>(outputs.size()) > output_bytes_max) {
    fault = "the outputs have " + std::to_string(outputs.size()) + " bytes, more than " +
            std::to_string(output_bytes_max) + ": upload large values as files";
  } else if (!outputs.empty()) {
    const auto parsed = expression::ParseJson(outputs);
    if (!parsed.ok()) {
      fault = "the outputs are no JSON: " + std::string(parsed.status().message());
    } else if (!parsed->is_map()) {
      fault = "the outputs must be a JSON object";
    }
  }
  if (fault.empty() && (result.state() < v1::SUCCESS || result.state() > v1::KILLED)) {
    fault = "a result's state must be SUCCESS, WARNING, FAILED or KILLED";
  }
  if (!fault.empty()) {
    result.clear_outputs();
    result.set_state(v1::FAILED);
    result.mutable_error()->set_code(kInvalidResult);
    result.mutable_error()->set_message(fault);
  }
  events_.Ended(session, result,
                {logs_.Secrets(result.token()), logs_.SecretsLost(result.token())});
}

void Dispatch::HandleProgress(Session& session, const v1::Progress& progress) {
  const std::string id = session.id;
  if (progress.has_renewal()) HandleRenewal(session, progress.renewal());
  for (const v1::LogLines& lines : progress.logs()) logs_.Take(id, lines);
  if (progress.metrics_size() > 0) {
    logs_.TakeMetrics(id, {progress.metrics().begin(), progress.metrics().end()});
  }
}

void Dispatch::HandleRenewal(Session& session, const v1::Renewal& renewal) {
  session.arrived_by_now = std::exchange(session.sent_at_renewal, session.sent);
  v1::ControlMessage answer;
  answer.mutable_renewal_answer()->set_number(renewal.number());
  if (events_.CanJudge() && session.judged && renewal.held_size() <= kRenewalCountMax) {
    std::vector<v1::LeaseToken> left_out;
    const std::vector<v1::LeaseToken> unknown = book_.Renew(
        session.id, {renewal.held().begin(), renewal.held().end()}, clock_.Boottime(), &left_out);
    for (const v1::LeaseToken& token : unknown) {
      *answer.mutable_renewal_answer()->add_ended() = token;
    }
    for (const v1::LeaseToken& token : left_out) {
      const LeaseBook::Entry* entry = book_.Find(token);
      events_.Returned(token, entry != nullptr && entry->confirmed,
                       "the worker left it out of two renewals");
    }
  }
  if (session.line != nullptr) session.line->Send(std::move(answer));
}

void Dispatch::HandleReturned(Session& session, const v1::LeaseReturned& returned) {
  const LeaseBook::Entry* entry = book_.Find(returned.token());
  if (entry == nullptr || entry->session != session.id) return;
  events_.Returned(returned.token(), /*begun=*/false, returned.reason());
}

}  // namespace orch::dispatch
