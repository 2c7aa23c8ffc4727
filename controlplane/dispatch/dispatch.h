// Dispatch is the control plane's side of worker sessions: who is connected, what they serve, what
// they hold, and who gets the next run.
//
// Push with credits: a session is sent at most what it has credited, an Assign only after its lease
// is durable, and never one for a lease that has ended. What a session reports is checked against its
// lease before the strand hears of it. Results, acks and renewals are never kept waiting by logs.
//
// Time        Boot time, for leases; checked each second.
// Threads     Lives on its executor, the strand's.
// Ownership   Keeps references to what it is given; a Line must outlive its OnClosed.
// Memory      An entry per session and per lease; messages that wait for a takeover, bounded.
// Durability  None; after a takeover the leased rows fill the book.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "controlplane/conductor/dispatcher.h"
#include "controlplane/dispatch/lease_book.h"
#include "controlplane/dispatch/line.h"
#include "controlplane/dispatch/log_intake.h"
#include "orch/v1/worker.pb.h"

namespace orch::dispatch {

inline constexpr int kProtocolVersion = 1;

// What dispatch hands on to others, off the strand. Empty functions are allowed.
struct DispatchHooks {
  // Whether a type's schema need not be sent; called on the strand, must not block.
  std::function<bool(const std::string& type, const std::string& digest)> knows_schema;
  std::function<void(const v1::CatalogEntry& entry)> keep_schema;
  // Reads outputs that came as a file of the lease's execution, and answers on any thread.
  std::function<void(const conductor::LeasedRun& lease, const std::string& uri,
                     std::function<void(absl::StatusOr<std::string>)>)>
      read_outputs;
};

class Dispatch final : public conductor::Dispatcher {
 public:
  struct Options {
    absl::Duration lease_ttl = absl::Seconds(30);  // > 0
    absl::Duration offline_max = absl::Hours(24);  // What a worker may ask for.
    absl::Duration tick = absl::Seconds(1);
    int assigns_per_message = 200;
    int64_t message_bytes_max = 900 * 1024;
    int64_t output_bytes_max = 256 * 1024;  // In a message; larger ones come as files.
    int session_count_max = 10'000;
  };

  // A worker, for lists and for people.
  struct WorkerInfo {
    std::string worker_id;
    std::string session;
    std::string hostname;
    std::string sdk;
    std::vector<std::string> groups;
    std::vector<v1::Label> labels;
    std::vector<std::string> types;
    int slots = 0;
    int64_t leases = 0;
    int free = 0;  // Slots that could be used now.
    bool connected = false;
    bool draining = false;
    absl::Duration silent_for;
  };

  Dispatch(Options options, Clock& clock, Executor& executor, conductor::LeaseEvents& events,
           LogIntake& logs, DispatchHooks hooks);
  ~Dispatch() override;

  // A connection has come about; names it for the calls below. The line outlives OnClosed, or Close.
  int64_t Open(Line& line);
  void OnMessage(int64_t connection, const v1::WorkerMessage& message);
  void OnClosed(int64_t connection);
  // Tells every session to finish what it holds, at a planned stop.
  void DrainAll(const std::string& reason);
  // Lines up to `through_line` are durable; what LogIntake tells.
  void AckLines(const std::string& session, const v1::LeaseToken& token, int64_t through_line);

  std::vector<WorkerInfo> Workers() const;
  // The lease of an attempt that is held now, for its files. nullptr when there is none.
  const conductor::LeasedRun* FindLease(const v1::LeaseToken& token) const;

  // conductor::Dispatcher
  std::optional<conductor::Slot> Reserve(const std::string& queue,
                                         const std::string& type) override;
  void Cancel(const conductor::Slot& slot) override;
  void Grant(const conductor::Slot& slot, const conductor::LeasedRun& lease) override;
  void Assign(const std::string& session, v1::Assign assign) override;
  void Stop(const std::string& session, const v1::LeaseToken& token,
            v1::Stop::Reason reason) override;
  void Ack(const std::string& session, const v1::LeaseToken& token, v1::Ack::Word word,
           const std::string& reason) override;
  void Release(const v1::LeaseToken& token) override;
  void Load(const std::vector<conductor::LeasedRun>& leases) override;
  void SetSecrets(const v1::LeaseToken& token,
                  std::optional<std::vector<std::string>> values) override;
  void Forget() override;
  std::string WhyWaiting(const std::string& queue, const std::string& type) const override;

 private:
  struct Session {
    std::string id;
    std::string worker_id;
    v1::Hello hello;
    std::set<std::string> types;
    std::set<std::string> queues;
    Line* line = nullptr;  // nullptr while it is cut.
    int64_t connection = 0;
    absl::Duration offline;
    absl::Duration heard_at;
    bool draining = false;
    int credit_slots = 0;             // As last told,
    int64_t credit_received = 0;      // with what it had received by then.
    int64_t sent = 0;                 // Assigns sent in this session.
    bool credited = false;            // A credit has come on this line.
    int64_t sent_at_renewal = 0;      // `sent` when the last renewal was answered,
    int64_t arrived_by_now = 0;       // and when the one before it was.
    int reserved = 0;                 // Reserved or granted, and not yet sent.
    std::vector<v1::Assign> assigns;  // For the next flush.
    std::vector<v1::Ack> acks;
    std::vector<v1::LogAck> log_acks;
    std::vector<v1::Result> results_waiting;  // Until leases can be judged.
    bool judged = true;                       // Its held leases have had their verdicts.
  };

  Session* SessionOf(int64_t connection);
  Session* FindSession(const std::string& id);
  int Available(const Session& session) const;
  void HandleHello(int64_t connection, const v1::Hello& hello);
  void HandleCredit(Session& session, const v1::Credit& credit);
  void HandleProgress(Session& session, const v1::Progress& progress);
  void HandleResult(Session& session, const v1::Result& result);
  // Hands a result on, as a failure when it breaks the contract.
  void Report(const std::string& session, v1::Result result, int64_t output_bytes_max);
  void HandleRenewal(Session& session, const v1::Renewal& renewal);
  void HandleReturned(Session& session, const v1::LeaseReturned& returned);
  void HandleCatalog(const v1::Catalog& catalog);
  void Refuse(int64_t connection, const std::string& code, const std::string& message);
  void Unsupported(Session& session, const std::string& message, const std::string& reason);
  v1::Verdict::Word JudgeHeld(Session& session, const v1::HeldLease& held);
  void JudgeSession(Session& session, bool tell);
  void ReturnUnnamed(Session& session);
  void WantSchemas(Session& session);
  void OfferSlots(const Session& session);
  void FlushLater();
  void FlushAll();
  void Flush(Session& session);
  void Tick();
  void DropSession(const std::string& id);

  const Options options_;
  Clock& clock_;
  Executor& executor_;
  conductor::LeaseEvents& events_;
  LogIntake& logs_;
  DispatchHooks hooks_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  int64_t next_connection_ = 1;
  std::map<int64_t, Line*> lines_;  // Connections without Hello yet, and with.
  std::map<int64_t, std::string> session_by_connection_;
  std::map<std::string, std::unique_ptr<Session>> sessions_;
  std::map<std::string, std::vector<std::string>> by_queue_;  // Sessions that serve a queue.
  std::map<std::string, size_t> cursor_;                      // Whose turn it is in a queue.
  LeaseBook book_;
  bool flush_posted_ = false;
  TimerId tick_timer_ = kNoTimer;
};

}  // namespace orch::dispatch
