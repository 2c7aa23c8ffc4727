// Session is a worker's side of the conversation with the control plane.
//
// It takes leases within its credit, has them worked on, and reports. Three facts hold whatever the
// line does: an attempt is started at most once; a result is told again until it is acknowledged;
// and work whose lease may have ended (nothing this worker sent has been answered for ttl +
// offline, by boot time) is killed, descendants included.
//
// A session spans connections: it reconnects by itself (0.1 s to 5 s, with jitter), presents what
// it holds and resumes. It ends when it was drained or halted, or when it is refused.
//
// Time        Reads its Clock; waits by its Executor.
// Threads     Not thread-safe; everything happens on the Executor, the constructor included.
// Ownership   Keeps references to what it is given, all of which must outlive it. Functions that it
//             posted do nothing once it is gone.
// Memory      At most `lease_count_max` leases with their results, `result_bytes_max` of results
//             before credit ends, and 10,000 metrics.
// Durability  Results are in the spool before they are sent; lines when they are told.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/random.h"
#include "orch/v1/worker.pb.h"
#include "worker/session/link.h"
#include "worker/session/spawn.h"
#include "worker/session/spool.h"
#include "worker/session/token_key.h"

namespace orch::worker {

// What the one who wired a session wants to know. Called on the strand.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void OnWelcome(const v1::Welcome& welcome) {}
  // The line is cut, or could not be made; the next attempt follows in `retry_in`.
  virtual void OnDisconnected(const absl::Status& why, absl::Duration retry_in) {}
  // Work was killed because its lease ran out in silence.
  virtual void OnLeaseEnded(const v1::LeaseToken& token) {}
  // A result could not be made durable; it is sent all the same.
  virtual void OnSpoolTrouble(const absl::Status& why) {}
  // The session is over: OK after a drain or a halt, otherwise why it was refused
  // (kPermissionDenied). Nothing is sent any more.
  virtual void OnEnded(const absl::Status& why) {}
};

class Session final : private Link::Listener, private Spawn::Listener {
 public:
  struct Options {
    std::string worker_id;  // Stable across restarts of one installation.
    std::string session;    // New for every process start.
    std::string sdk = "orch-worker (C++)";
    std::string hostname;
    std::string group = "default";
    std::vector<v1::Label> labels;
    int slots = 4;  // > 0, at most lease_count_max.
    std::vector<v1::TypeOffer> types;
    std::vector<v1::CatalogEntry> catalog;  // Sent when its digest is asked for.
    absl::Duration offline;                 // Asked for; the control plane grants.

    int lease_count_max = 2'000;          // Held at once, finished ones included; bounds Hello.
    int64_t result_bytes_max = 64 << 20;  // Unconfirmed results; no credit beyond.
    int64_t log_bytes_max = 1 << 20;      // Sent and not acknowledged.
    absl::Duration welcome_timeout = absl::Seconds(10);
    absl::Duration drain_timeout = absl::Seconds(10);  // For acks, once nothing runs any more.
  };

  Session(Options options, Clock& clock, Random& random, Executor& executor, Link& link,
          Spawn& spawn, Spool& spool, SessionObserver& observer);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Takes up what earlier processes left, and dials. Once.
  void Start();

  // Takes no more work, finishes what runs, waits for its acknowledgement, then ends. Repeating it
  // is harmless. A control plane that says Drain is another matter: it wants to go, so nothing is
  // taken over that line, and work goes on over the next.
  void Drain(const std::string& reason);

  // Kills what runs and ends at once. Its leases run out; results stay in the spool.
  void Halt();

  int running_count() const { return running_count_; }
  int held_count() const { return static_cast<int>(leases_.size()); }
  bool connected() const { return welcomed_; }
  bool ended() const { return ended_; }

 private:
  // A lease that is worked on, or whose result is not yet acknowledged.
  struct Lease {
    v1::Subject subject;
    absl::Duration heard_at;  // Sending of the last answered message that covered it.
    absl::Duration offline;
    bool finished = false;
    bool durable = false;  // The result may be sent.
    bool sent = false;     // On this connection.
    absl::Duration sent_at;
    v1::Result result;
    int64_t result_bytes = 0;
  };
  // The lines of an attempt; outlives its lease until they are acknowledged.
  struct Stream {
    v1::LogLevel level_min = v1::LOG_LEVEL_UNSPECIFIED;
    int64_t last_line = 0;   // Appended.
    int64_t skip_count = 0;  // Lines a recovered attempt tells again.
    int64_t sent_line = 0;
    int64_t acked_line = 0;
    struct Chunk {
      int64_t through;
      int64_t bytes;
    };
    std::deque<Chunk> in_flight;
    bool queued = false;         // In log_turns_.
    bool open = true;            // The attempt may still print.
    absl::Duration progress_at;  // Of a closed one: last time something moved.
  };
  struct SentRenewal {
    int64_t number;
    absl::Duration at;
    std::vector<TokenKey> held;
  };

  // Link::Listener
  void OnMessage(const v1::ControlMessage& message) override;
  void OnSent() override;
  void OnClosed(const absl::Status& why) override;
  // Spawn::Listener
  void OnLines(const v1::LeaseToken& token, std::vector<v1::LogLine> lines) override;
  void OnMetric(v1::Metric metric) override;
  void OnEnd(v1::Result result) override;

  void Connect();
  void Disconnect(const absl::Status& why);
  void HandleWelcome(const v1::Welcome& welcome);
  void HandleAssign(const v1::Assign& assign);
  void HandleStop(const v1::Stop& stop);
  void HandleAck(const v1::Ack& ack);
  void HandleLogAck(const v1::LogAck& ack);
  void HandleRenewalAnswer(const v1::RenewalAnswer& answer);
  void HandleSchemaWanted(const v1::SchemaWanted& wanted);
  void HandleRefused(const v1::Refused& refused);

  // Sends the most urgent message there is, if the line is free.
  void Pump();
  bool NextMessage(v1::WorkerMessage* message);
  bool TakeResults(v1::WorkerMessage* message);
  bool TakeRenewal(v1::WorkerMessage* message);
  bool TakeCredit(v1::WorkerMessage* message);
  bool TakeProgress(v1::WorkerMessage* message);
  v1::WorkerMessage MakeHello() const;
  int FreeSlots() const;
  void Enqueue(v1::WorkerMessage message);  // Small messages; bounded.
  void ReturnLease(const v1::Assign& assign, const std::string& reason);

  Stream& StreamOf(const TokenKey& key);
  void QueueStream(const TokenKey& key, Stream& stream);
  void CloseStream(const TokenKey& key);
  void ForgetLease(const TokenKey& key, bool abandon);
  void Remember(const TokenKey& key);  // As ended: an Assign told again is no news.

  absl::Duration DeadlineOf(const Lease& lease) const;
  void Hear(const TokenKey& key, Lease& lease, absl::Duration sent_at);
  void RenewalTick();
  void CheckDeadlines();
  // Looks again when the first lease ends, or at `deadline` if that is sooner than planned.
  void ArmDeadlineTimer(absl::Duration deadline = absl::InfiniteDuration());
  void ResendOldResults();
  void DropStaleStreams();
  void EndIfDrained();
  void End(const absl::Status& why);

  // Runs `work` later on the strand, unless the session is gone by then.
  TimerId After(absl::Duration delay, std::function<void()> work);
  void Disarm(TimerId* timer);

  const Options options_;
  Clock& clock_;
  Random& random_;
  Executor& executor_;
  Link& link_;
  Spawn& spawn_;
  Spool& spool_;
  SessionObserver& observer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  std::map<TokenKey, Lease> leases_;
  std::map<TokenKey, Stream> streams_;
  std::deque<TokenKey> log_turns_;        // Streams with lines to send, in turn.
  std::deque<TokenKey> results_ready_;    // Durable, not sent on this connection.
  std::deque<v1::WorkerMessage> outbox_;  // Small messages.
  std::deque<v1::Metric> metrics_;
  std::deque<TokenKey> ended_order_;       // Tokens of the recent past, oldest first,
  std::map<TokenKey, bool> ended_tokens_;  // and the same for look-up.

  bool open_ = false;  // The link was opened and not closed.
  bool welcomed_ = false;
  bool writing_ = false;
  bool draining_ = false;
  bool line_draining_ = false;  // The other side of this line wants to go.
  bool ended_ = false;
  int running_count_ = 0;
  int64_t result_bytes_ = 0;
  int64_t log_bytes_in_flight_ = 0;
  int64_t received_ = 0;      // Assignments in this session.
  int64_t credit_told_ = -1;  // Free slots + received, as last told.
  bool renewal_due_ = false;
  int64_t renewal_number_ = 0;
  std::deque<SentRenewal> renewals_;  // Not answered on this connection.
  absl::Duration heard_at_;           // Sending of the last answered message.
  absl::Duration hello_at_;
  absl::Duration checked_at_;    // Last look at the deadlines,
  absl::Duration deadline_due_;  // and when the timer calls for the next.
  absl::Duration ttl_ = absl::Seconds(30);
  absl::Duration offline_;
  int failure_count_ = 0;  // Of connecting, in a row.

  TimerId reconnect_timer_ = kNoTimer;
  TimerId welcome_timer_ = kNoTimer;
  TimerId renewal_timer_ = kNoTimer;
  TimerId deadline_timer_ = kNoTimer;
  TimerId drain_timer_ = kNoTimer;
};

}  // namespace orch::worker
