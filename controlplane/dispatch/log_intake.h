// LogIntake takes the lines and metrics of attempts in, scrubs them, and keeps them as chunks.
//
// Invariant: a line is acknowledged after its chunk is durable, and is stored once, whatever the worker
// repeats. Lines of an attempt are in order; what is missing is an explicit gap.
//
// Lines are accepted for the attempt whose token they carry, also after its result, until a newer
// attempt of the run is opened. They never delay a transition: they go by a connection of their own.
//
// Time        A chunk leaves when it has 64 KiB, or 200 ms after its first line.
// Threads     Lives on its strand; storing happens on the background executor.
// Memory      The unacknowledged lines (at most 1 MiB a session, by protocol) and an entry for
//             each of the last `attempt_count_max` attempts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/executor.h"
#include "controlplane/conductor/dispatcher.h"
#include "controlplane/store/store.h"
#include "orch/v1/worker.pb.h"
#include "secrets/scrubber.h"

namespace orch::dispatch {

namespace v1 = ::orch::v1;

class LogIntake {
 public:
  struct Options {
    int64_t chunk_bytes_max = 64 * 1024;
    absl::Duration chunk_delay = absl::Milliseconds(200);
    size_t attempt_count_max = 50'000;
  };
  using Ack = std::function<void(const std::string& session, const v1::LeaseToken& token,
                                 int64_t through_line)>;
  // Lines of one attempt that have become durable.
  using Listener = std::function<void(const store::LogChunkRow& chunk, const v1::LogLines& lines)>;

  LogIntake(Options options, Executor& executor, Executor& background, store::Store& store, Ack ack,
            Listener listener);
  ~LogIntake();

  // A new attempt begins: nothing of it is stored yet. Older attempts of its run are closed.
  void Open(const conductor::LeasedRun& lease);
  // An attempt that was leased before this process: what is stored of it is found out first.
  void Reopen(const conductor::LeasedRun& lease);
  // The values that an attempt of before was given; nothing when they cannot be had any more: then
  // its lines are masked whole.
  void SetSecrets(const v1::LeaseToken& token, std::optional<std::vector<std::string>> values);
  // Whether the secrets of an attempt are still being fetched, or cannot be had.
  bool SecretsDue(const v1::LeaseToken& token) const;
  bool SecretsLost(const v1::LeaseToken& token) const;
  // Lines told by `session`. Those of an unknown or closed attempt are acknowledged and dropped.
  void Take(const std::string& session, const v1::LogLines& lines);
  void TakeMetrics(const std::string& session, const std::vector<v1::Metric>& metrics);
  const std::vector<std::string>& Secrets(const v1::LeaseToken& token) const;
  void Forget();

 private:
  struct Attempt {
    v1::LeaseToken token;
    std::string execution_id;
    std::string run_key;
    std::string task_id;
    std::string session;
    std::vector<std::string> secrets;
    std::unique_ptr<secrets::Scrubber> scrubber;
    bool known = true;         // What is stored of it is known.
    bool secrets_due = false;  // Its secrets are being fetched.
    bool closed = false;       // A newer attempt has begun.
    int64_t taken_line = 0;    // Stored, on its way, or buffered.
    v1::LogLines buffer;
    int64_t buffer_bytes = 0;
    std::vector<std::pair<std::string, v1::LogLines>> held;  // Until known and scrubbed.
    bool secrets_lost = false;                               // They cannot be had any more.
    bool queued = false;                                     // In dirty_: it has lines to store.
    bool storing = false;  // Lines of it are on their way to the store.
  };

  Attempt* Find(const v1::LeaseToken& token);
  Attempt& Insert(const conductor::LeasedRun& lease);
  void Accept(Attempt& attempt, const std::string& session, const v1::LogLines& lines);
  void FlushSoon();
  void Flush();
  void Stored(const absl::Status& status, std::vector<store::LogChunkRow> chunks,
              std::vector<v1::LogLines> lines, std::vector<std::string> sessions);
  void ReleaseHeld(Attempt& attempt);

  const Options options_;
  Executor& executor_;
  Executor& background_;
  store::Store& store_;
  Ack ack_;
  Listener listener_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  absl::flat_hash_map<std::string, std::unique_ptr<Attempt>> attempts_;
  std::deque<std::string> order_;
  absl::flat_hash_map<std::string, std::string> newest_;  // Run key -> attempt key.
  std::vector<std::string> dirty_;
  std::vector<store::MetricRow> metrics_;
  TimerId timer_ = kNoTimer;
  bool storing_ = false;
};

}  // namespace orch::dispatch
